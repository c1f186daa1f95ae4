"""The witness: a file kept elsewhere to which every checkpoint is added, and against which the log is held."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from stormwatch.ledger.checkpoint import Checkpoint, parse_checkpoint
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import IntegrityError, InvalidInput

_MAX_LINES = 100_000


def read_witness(path: Path) -> tuple[Checkpoint, ...]:
    """Every checkpoint of the file, one JSON object a line; InvalidInput names the line that is none.

    A last line that was cut short is an error too: a witness that lost something must not pass for whole.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the witness cannot be read: {error}", where=str(path)) from error
    if len(lines) > _MAX_LINES:
        raise InvalidInput("the witness is too long", where=str(path), remedy="begin a new file")
    return tuple(
        parse_checkpoint(line, where=f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()
    )


def witness_growth(ledger: Ledger, path: Path) -> Checkpoint | None:
    """Adds the present head to the witness, unless that is what it saw last (None).

    IntegrityError when the log is broken or does not continue all that the witness saw: no new line hides that.
    """
    seen = read_witness(path) if path.exists() else ()
    made = ledger.checkpoint()
    if seen and (seen[-1].size, seen[-1].root) == (made.size, made.root):
        return None
    report = ledger.verify(*seen)
    if not report.ok:
        raise IntegrityError(report.explanation, where=str(path), remedy="run `stormwatch audit verify --witness`")
    made = ledger.checkpoint()
    add_to_witness(path, made)
    return made


def add_to_witness(path: Path, checkpoint: Checkpoint) -> None:
    """Adds one checkpoint durably; what is there is never rewritten. InvalidInput when the place cannot be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(handle, "ab") as file:
            file.write(msgspec.json.encode(checkpoint) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InvalidInput(f"the witness cannot be written: {error.strerror}", where=str(path)) from error
