"""Patterns to a Hyperscan database, compiled once and kept in a file: loading takes milliseconds, compiling seconds."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import hyperscan as hs

from stormwatch.detections.sigma.patterns import Pattern

_SUFFIX: Final = ".hsdb"
_MOST_KEPT: Final = 8


def compile_patterns(patterns: Sequence[Pattern]) -> Any:
    """One block-mode database over the patterns, numbered by their place; raises hyperscan.error."""
    database = hs.Database(mode=hs.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.expression.encode() for pattern in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[pattern.flags for pattern in patterns],
    )
    return database


def compiled(patterns: Sequence[Pattern], kept_in: Path | None) -> Any:
    """The database of the patterns, from the folder where it is kept; compiled and kept there when it is not.

    A folder that cannot be written, or a file that is broken or of another machine, costs the compilation, never more.
    """
    if kept_in is None:
        return compile_patterns(patterns)
    path = kept_in / f"{_fingerprint(patterns)}{_SUFFIX}"
    database = _load(path)
    if database is None:
        database = compile_patterns(patterns)
        _keep(path, hs.dumpb(database))
    return database


def _fingerprint(patterns: Sequence[Pattern]) -> str:
    # The library says what processor it compiles for; a database fits no other.
    probe = hs.Database(mode=hs.HS_MODE_BLOCK)
    probe.compile(expressions=[b"probe"], ids=[0], elements=1, flags=[0])
    digest = hashlib.sha256(repr((version("hyperscan"), probe.info())).encode())
    for pattern in patterns:
        digest.update(f"{pattern.key}\n".encode())
    return digest.hexdigest()[:32]


def _load(path: Path) -> Any:
    try:
        database = hs.loadb(path.read_bytes(), mode=hs.HS_MODE_BLOCK)
        database.scratch = hs.Scratch(database)  # a loaded database comes without one
        database.scan(b"trial", match_event_handler=lambda *_: None)
    except (OSError, hs.error):
        return None
    with suppress(OSError):
        os.utime(path)  # what is used stays, however many others are tried and kept meanwhile
    return database


def _keep(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
        by_age = sorted(path.parent.glob(f"*{_SUFFIX}"), key=lambda kept: kept.stat().st_mtime, reverse=True)
        for old in by_age[_MOST_KEPT:]:
            old.unlink(missing_ok=True)
    except OSError:
        return  # what is kept saves time and nothing else
