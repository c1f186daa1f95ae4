"""`stormwatch audit`: checks the ledger, and writes checkpoints to be kept where nobody here can change them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.ledger.checkpoint import Checkpoint, parse_checkpoint
from stormwatch.ledger.proof_files import ProofFile, check_proof, parse_proof, proof_text
from stormwatch.ledger.verification import VerifyReport
from stormwatch.ledger.witness import add_to_witness, read_witness
from stormwatch.model.errors import IntegrityError, InvalidInput, WrongUsage

audit = typer.Typer(help="The ledger's integrity.", no_args_is_help=True, rich_markup_mode=None)

_SHOWN = 20


@audit.command("verify")
def verify(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FILE", help="A checkpoint kept elsewhere.")
    ] = None,
    witness: Annotated[
        Path | None, typer.Option("--witness", metavar="FILE", help="A witness file kept elsewhere.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every row of the ledger, and that it continues what was kept elsewhere; exit 1 says what is wrong."""
    known = [] if checkpoint is None else [_read(checkpoint)]
    seen = () if witness is None else read_witness(witness)
    report = runtime_of(ctx).ledger.verify(*known, *seen)
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
    runtime = runtime_of(ctx)
    witness = runtime.settings.witness_file
    known = read_witness(witness) if witness is not None and witness.exists() else ()
    report = runtime.ledger.verify(*known)
    if not report.ok:
        raise _broken(report)
    made = runtime.ledger.checkpoint()
    if witness is not None:
        add_to_witness(witness, made)
    if output is None:
        emit(msgspec.to_builtins(made), made.to_json().rstrip(), as_json=as_json)
        return
    _write(output, made.to_json())
    prose = f"Checkpoint of {made.size} entries written to {output}. Keep it where nobody who runs this can change it."
    emit({**msgspec.to_builtins(made), "output": str(output)}, prose, as_json=as_json)


@audit.command("key")
def key(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Print the public key that checkpoints are checked with; note it where nobody here can change it."""
    public_key = runtime_of(ctx).ledger.public_key
    emit({"public_key": public_key}, public_key, as_json=as_json)


@audit.command("prove")
def prove(
    ctx: typer.Context,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where to write the proof.")],
    entry: Annotated[int | None, typer.Option("--entry", min=1, help="That this entry is in the log.")] = None,
    opened: Annotated[bool, typer.Option("--open", help="Also tell what the entry says.")] = False,
    since: Annotated[
        Path | None, typer.Option("--since", metavar="FILE", help="That the log continues this checkpoint.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a proof that somebody without this home can check with `audit check`."""
    if (entry is None) == (since is None):
        raise WrongUsage("one thing is proved at a time", where="--entry, --since", remedy="give one of them")
    ledger = runtime_of(ctx).ledger
    proof: ProofFile
    if since is not None:
        proof = ledger.prove_consistency(_read(since))
    else:
        proof = ledger.prove_inclusion(entry or 0, opened=opened)
    _write(output, proof_text(proof))
    emit({"output": str(output)}, f"Proof written to {output}.", as_json=as_json)


@audit.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A proof written by `audit prove`.")],
    public_key: Annotated[str, typer.Option("--public-key", help="The ledger's, known from elsewhere.")],
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FILE", help="The head of your own that it must be about.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a proof with the public key alone: no home, no database; exit 1 says why it proves nothing."""
    known = None if checkpoint is None else _read(checkpoint)
    said = check_proof(parse_proof(_text(file, "proof"), where=str(file)), public_key.strip(), known)
    emit({"ok": True, "proved": said}, f"Proved: {said}.", as_json=as_json)


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the {what} cannot be read: {error}", where=str(path)) from error


def _read(path: Path) -> Checkpoint:
    return parse_checkpoint(_text(path, "checkpoint"), where=str(path))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"this cannot be written: {error.strerror}", where=str(path)) from error


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
