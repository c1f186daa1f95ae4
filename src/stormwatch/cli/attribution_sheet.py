"""The analysis of an assessment as a sheet of text: matrix, what it hangs on, what may be planted, names at odds."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_uppercase

import msgspec

from stormwatch.attribution.ach import Cell, Matrix, cells_of
from stormwatch.attribution.analysis import Analysis
from stormwatch.attribution.false_flag import FalseFlag
from stormwatch.attribution.naming import hypothesis_words
from stormwatch.attribution.removal import Part
from stormwatch.attribution.sensitivity import Sensitivity
from stormwatch.cli.output import lines_of
from stormwatch.console.analysis_words import caution_words, cell_signs, change_words, columns_shown, standing_words
from stormwatch.console.wording import SIMULATED, likelihood, weight
from stormwatch.model.assessment import Confidence

_WIDTH = 6
_DIAGNOSTICITY = 12


def attribution_sheet(analysis: Analysis, confidence: Confidence | None, calibrated_on: str | None) -> str:
    """The whole sheet; likelihoods and weights in words."""
    ground = calibrated_on or SIMULATED
    lines = [f"Calibrated on {ground}.", ""]
    if analysis.outdated:
        lines += ["Profiles or base rates changed since the last hunt: this is of what they are now.", ""]
    lines += caution_words(analysis.false_flag)
    columns = columns_shown(analysis.hypotheses)
    lines += ["Hypotheses, the first-ranked first:"]
    odds = {one.hypothesis: one.probability for one in analysis.hypotheses}
    letters = dict(zip(columns, ascii_uppercase, strict=False))
    lines += [f"  {letters[name]}  {hypothesis_words(name)}: {likelihood(odds[name], ground)}" for name in columns]
    hidden = len(odds) - len(columns)
    lines += [f"  and {hidden} more tracked actors, which --json shows"] if hidden else []
    if confidence is not None:
        lines += ["", f"Confidence in this assessment: {confidence.value}."]
    lines += ["", *_matrix(analysis.matrix, columns, letters)]
    lines += ["", *_sensitivity(analysis.sensitivity)]
    lines += ["", *_false_flag(analysis.false_flag)]
    if analysis.alias_conflicts:
        lines += ["", "Names that sources draw differently"]
        lines += [f"  {hypothesis_words(one.actor_id)}: {one.told()}" for one in analysis.alias_conflicts]
    return lines_of(lines)


def _matrix(found: Matrix, columns: tuple[str, ...], letters: dict[str, str]) -> Iterator[str]:
    yield "Evidence against hypotheses: + fits, - contradicts, 0 neither; one sign slight, four very strong"
    head = "".join(f"{letters[name]:{_WIDTH}}" for name in columns)
    yield f"  {head}{'tells apart':{_DIAGNOSTICITY}}  line of evidence"
    for row in found.rows:
        cells = cells_of(row)
        signs = "".join(f"{cell_signs(cells[name]):{_WIDTH}}" for name in columns)
        told = row.words if row.part is Part.HABIT else f"{row.name}: {row.words}"
        behind = f" (and {row.weaker} behind it)" if row.weaker else ""
        yield f"  {signs}{weight(row.diagnosticity):{_DIAGNOSTICITY}}  {told}{behind}"
    if not found.rows:
        yield "  none"


def _sensitivity(found: Sensitivity) -> Iterator[str]:
    yield "What it hangs on"
    yield f"  With everything: {standing_words(found.standing)}."
    for change in found.telling:
        yield f"  {'* ' if change.changes_first else ''}{change_words(change)}"
    left = len(found.changes) - len(found.telling)
    yield f"  Without any one of {left} other parts nothing changes that these words would show."
    if found.decisive:
        yield f"  Single pieces without which another hypothesis comes first: {len(found.decisive)}."
    else:
        yield "  No single piece decides which hypothesis comes first."


def _false_flag(checked: FalseFlag) -> Iterator[str]:
    yield "Had what is cheap to fake been set on purpose"
    for one in checked.planted:
        yield f"  {one.what.words}: {one.how}"
    if checked.planted:
        yield f"  Without all of that: {standing_words(checked.without)}."
    else:
        yield "  Nothing in it is cheap to fake."


def analysis_payload(analysis: Analysis) -> dict[str, object]:
    """The analysis for programs: every hypothesis and every cell, weights in bits."""
    payload: dict[str, object] = msgspec.to_builtins(analysis)
    rows = [{**msgspec.to_builtins(row), "cells": [_cell(cell) for cell in row.cells]} for row in analysis.matrix.rows]
    decisive = [change.without.name for change in analysis.sensitivity.decisive]
    return payload | {"matrix": {"columns": analysis.matrix.columns, "rows": rows}, "decisive_pieces": decisive}


def _cell(cell: Cell) -> dict[str, object]:
    return {"hypothesis": cell.hypothesis, "reading": cell.reading.value, "bits": cell.bits}
