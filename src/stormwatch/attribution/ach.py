"""Grounds to a matrix of competing hypotheses: how far each line of evidence fits each explanation, in bits.

After Heuer, Psychology of Intelligence Analysis (1999), chapter 8: what is read is what speaks against a hypothesis;
evidence that fits all of them alike tells nothing, however much of it there is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stormwatch.accounts.odds import log2_odds
from stormwatch.attribution.base_rates import BaseRates
from stormwatch.attribution.cluster_evidence import leading_pieces
from stormwatch.attribution.grounds import Grounds, ranked
from stormwatch.attribution.profiles import Profile
from stormwatch.attribution.removal import Part, Removal, removals, without
from stormwatch.model.assessment import Hypothesis

# Below a tenth of a bit (odds of 1.07 to 1) a line of evidence neither fits nor contradicts.
_NEUTRAL_BITS: Final = 0.1
_BOUND: Final = 2.0**-60


class Reading(StrEnum):
    """How a line of evidence bears on a hypothesis."""

    CONSISTENT = "consistent"
    NEUTRAL = "neutral"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of evidence against one hypothesis.

    `bits` is the weight of evidence for the hypothesis against all its rivals together (Good, Probability and the
    Weighing of Evidence, 1950): the change of its log2 odds when the line is added to everything else.
    """

    hypothesis: str
    bits: float

    @property
    def reading(self) -> Reading:
        """Consistent, neutral or inconsistent."""
        if abs(self.bits) < _NEUTRAL_BITS:
            return Reading.NEUTRAL
        return Reading.CONSISTENT if self.bits > 0 else Reading.INCONSISTENT


@dataclass(frozen=True, slots=True)
class Row:
    """One line of evidence: an independence group with its strongest piece, or a habit.

    `diagnosticity` is the largest log2 likelihood ratio (bits) that it makes between any two hypotheses; `weaker`
    counts pieces of the group that stand behind the strongest, `sources` are those outside who say so.
    """

    part: Part
    name: str
    words: str
    weaker: int
    sources: tuple[str, ...]
    cells: tuple[Cell, ...]
    diagnosticity: float


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of evidence, the most diagnostic first; columns of hypotheses, the most probable first."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def against(self, hypothesis: str) -> float:
        """What speaks against a hypothesis: the bits of its inconsistent cells, added up (0 or less)."""
        return sum(
            min(cell.bits, 0.0)
            for row in self.rows
            for cell in row.cells
            if cell.hypothesis == hypothesis and cell.reading is Reading.INCONSISTENT
        )


def matrix(grounds: Grounds, profiles: Sequence[Profile], rates: BaseRates) -> Matrix:
    """The matrix of an assessment, made by the arithmetic of the assessment itself: with each line, and without."""
    whole = ranked(grounds, profiles, rates)
    rows = [_row(grounds, line, whole, profiles, rates) for line in removals(grounds, (Part.GROUP, Part.HABIT))]
    rows.sort(key=lambda row: (-row.diagnosticity, row.part, row.name))
    return Matrix(tuple(one.hypothesis for one in whole), tuple(rows))


def _row(
    grounds: Grounds, line: Removal, whole: Sequence[Hypothesis], profiles: Sequence[Profile], rates: BaseRates
) -> Row:
    rest = {one.hypothesis: one.probability for one in ranked(without(grounds, (line,)), profiles, rates)}
    shift = [_log2(one.probability) - _log2(rest[one.hypothesis]) for one in whole]
    words, weaker, sources = _told(grounds, line)
    return Row(
        part=line.part,
        name=line.name,
        words=words,
        weaker=weaker,
        sources=sources,
        cells=tuple(Cell(one.hypothesis, _odds(one.probability) - _odds(rest[one.hypothesis])) for one in whole),
        diagnosticity=max(shift) - min(shift),
    )


def _told(grounds: Grounds, line: Removal) -> tuple[str, int, tuple[str, ...]]:
    if line.part is Part.HABIT:
        return line.words, 0, ()
    pieces = [piece for piece in grounds.evidence if piece.group == line.name and piece.weight_bits > 0]
    strongest = next(leading_pieces(pieces))
    sources = sorted({source for piece in pieces for source in piece.sources})
    return strongest.summary, len(pieces) - 1, tuple(sources)


def cells_of(row: Row) -> Mapping[str, Cell]:
    """The cells of a row by hypothesis."""
    return {cell.hypothesis: cell for cell in row.cells}


def _log2(probability: float) -> float:
    return math.log2(max(probability, _BOUND))


def _odds(probability: float) -> float:
    return log2_odds(min(max(probability, _BOUND), 1.0 - 2.0**-50))
