"""A name into a lock that one process holds over all that share a case database, until it ends or dies."""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text

from stormwatch.storage.database import Database

_LOOK_AGAIN_SECONDS: Final = 0.05


@contextmanager
def sole(database: Database, name: str, *, wait_seconds: float = 0.0) -> Iterator[bool]:
    """Whether this is the only holder of `name` for the block; False when another still is after `wait_seconds`.

    Neither way leaves anything behind when its holder is killed: beside SQLite it is a lock on a file, which the kernel
    lets go, in PostgreSQL an advisory lock of a connection, which the server lets go.
    """
    holding = _beside_sqlite if database.is_sqlite else _in_postgresql
    with holding(database, name, time.monotonic() + wait_seconds) as held:
        yield held


@contextmanager
def _beside_sqlite(database: Database, name: str, until: float) -> Iterator[bool]:
    path = Path(f"{database.engine.url.database}-{name}.lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def attempt() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        yield _within(attempt, until)
    finally:
        os.close(handle)


@contextmanager
def _in_postgresql(database: Database, name: str, until: float) -> Iterator[bool]:
    key = {"key": zlib.crc32(name.encode())}
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:

        def attempt() -> bool:
            return bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one())

        held = _within(attempt, until)
        try:
            yield held
        finally:
            if held:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


def _within(attempt: Callable[[], bool], until: float) -> bool:
    while not attempt():
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_AGAIN_SECONDS)
    return True
