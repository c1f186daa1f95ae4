"""`stormwatch audit`: checks the ledger, and writes checkpoints to be kept where nobody here can change them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.ledger.checkpoint import Checkpoint, parse_checkpoint
from stormwatch.ledger.verification import VerifyReport
from stormwatch.model.errors import IntegrityError, InvalidInput

audit = typer.Typer(help="The ledger's integrity.", no_args_is_help=True, rich_markup_mode=None)

_SHOWN = 20


@audit.command("verify")
def verify(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FILE", help="A checkpoint kept elsewhere.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every row of the ledger, and that it continues a checkpoint; exit 1 says what is wrong and where."""
    known = None if checkpoint is None else _read(checkpoint)
    report = runtime_of(ctx).ledger.verify(known)
    emit(_payload(report), _prose(report), as_json=as_json)
    if not report.ok:
        raise _broken(report)


@audit.command("checkpoint")
def checkpoint(
    ctx: typer.Context,
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Where to write it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign the ledger's present size and root; a ledger that does not verify gets no signature."""
    ledger = runtime_of(ctx).ledger
    report = ledger.verify()
    if not report.ok:
        raise _broken(report)
    made = ledger.checkpoint()
    if output is None:
        emit(msgspec.to_builtins(made), made.to_json().rstrip(), as_json=as_json)
        return
    _write(output, made)
    prose = f"Checkpoint of {made.size} entries written to {output}. Keep it where nobody who runs this can change it."
    emit({**msgspec.to_builtins(made), "output": str(output)}, prose, as_json=as_json)


def _read(path: Path) -> Checkpoint:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the checkpoint cannot be read: {error}", where=str(path)) from error
    return parse_checkpoint(text, where=str(path))


def _write(path: Path, made: Checkpoint) -> None:
    try:
        path.write_text(made.to_json(), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"the checkpoint cannot be written: {error.strerror}", where=str(path)) from error


def _payload(report: VerifyReport) -> dict[str, object]:
    flaws = [
        {"problem": flaw.problem.value, "sequence": flaw.sequence, "explanation": flaw.explanation}
        for flaw in report.flaws
    ]
    return {
        "ok": report.ok,
        "size": report.size,
        "root": report.root,
        "erased": report.erased,
        "checkpoint_size": report.checkpoint_size,
        "flaws": flaws,
    }


def _prose(report: VerifyReport) -> str:
    if report.ok:
        return report.explanation
    lines = [flaw.explanation for flaw in report.flaws[:_SHOWN]]
    left = len(report.flaws) - len(lines)
    return lines_of([*lines, f"and {left} more"] if left else lines)


def _broken(report: VerifyReport) -> IntegrityError:
    return IntegrityError(
        report.explanation, remedy="find out who could write to the database, and restore it from a backup"
    )
