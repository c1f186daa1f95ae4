"""`stormwatch rules import-nova`: NOVA rules to Sigma files in shadow, saying what is left out and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.detections.nova.nova_import import ImportedRule, import_nova
from stormwatch.model.errors import InvalidInput, WrongUsage


def import_rules(
    files: Annotated[list[Path], typer.Argument(help="NOVA rule files (.nov).")],
    output: Annotated[Path, typer.Option(help="The folder for the rules that are made.")],
    tag: Annotated[list[str] | None, typer.Option(help="A technique for all of them, such as llm.05.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make Sigma rules of NOVA rules: keywords and conditions; parts that need a model are left out and named."""
    if output.exists() and not output.is_dir():
        raise WrongUsage("this is no folder", where=f"--output {output}", remedy="name a folder")
    results = import_nova(files, output, tag or ())
    written = sum(one.written is not None for one in results)
    refused = len(results) - written
    payload = {"written": written, "refused": refused, "rules": [asdict(one) for one in results]}
    lines = [*_lines(results), f"{written} rules written, in shadow; {refused} refused"]
    emit(payload, lines_of(lines), as_json=as_json)
    if not written:
        first = results[0]
        reason = first.reason or "no rule could be read"
        raise InvalidInput(reason, where=first.where, remedy="correct it, or import other rules")


def _lines(results: tuple[ImportedRule, ...]) -> Iterator[str]:
    for one in results:
        yield f"{one.name or one.where}: {one.written or f'refused ({one.where}): {one.reason}'}"
        if one.left_out:
            yield f"  left out, because they need a model: {', '.join(one.left_out)}"
        for remark in one.notes:
            yield f"  {remark}"
