"""The case database: SQLite in WAL mode or PostgreSQL behind one small port that hands out transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from stormwatch.model.errors import InvalidInput, NotFound, StormwatchError
from stormwatch.storage.migrations import migrate

_ADVISORY_LOCK: Final = 0x5707_4A7C
_WRITE: Final = "stormwatch_write"
# A server answers in up to forty threads at a time; none of them should fail for want of a connection.
_KEPT_OPEN: Final = 10
_MOST_AT_ONCE: Final = 50
# A connection of SQLite that waits looks every tenth of a second, at most: in so long a gap each has its turn.
_LET_OTHERS_WRITE_SECONDS: Final = 0.1
_HELD_WITHOUT_GAP_SECONDS: Final = 0.2  # people do not notice it when they wait to write
_Piece = TypeVar("_Piece")
_REMEDY: Final = "set STORMWATCH_DATABASE_URL to sqlite:///FILE or postgresql://USER@HOST/NAME"


class Database:
    """Transactions on the case database. `write` holds the one writer's place, so read-then-write inside it is safe."""

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.url = url
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        try:
            self.engine: Engine = create_engine(parsed, pool_size=_KEPT_OPEN, max_overflow=_MOST_AT_ONCE - _KEPT_OPEN)
        except ModuleNotFoundError as error:
            raise NotFound(
                f"the driver {error.name} is not installed", remedy="install stormwatch[postgresql]"
            ) from error
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees the database as it was at one moment."""
        # SQLite's transactions are snapshots as they are; PostgreSQL's must be asked for it.
        options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes, one at a time over all processes; it rolls back when the block raises."""
        with self.engine.connect().execution_options(**{_WRITE: True}) as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            yield connection

    def write_in_turns(
        self, pieces: Sequence[_Piece], at_once: int, work: Callable[[Connection, Sequence[_Piece]], int]
    ) -> int:
        """Much to write, `at_once` pieces to a transaction, with gaps in which whoever else waits gets to write.

        Gives the sum of what `work` gives. There is a gap whenever others had to wait for a fifth of a second, so what
        is written quickly needs none. Whoever stops it half-way leaves whole transactions, so `work` must find out what
        is done already.
        """
        total, held = 0, 0.0
        for start in range(0, len(pieces), at_once):
            if held > _HELD_WITHOUT_GAP_SECONDS:
                time.sleep(_LET_OTHERS_WRITE_SECONDS)
                held = 0.0
            with self.write() as connection:
                began = time.monotonic()
                total += work(connection, pieces[start : start + at_once])
            held += time.monotonic() - began
        return total

    def close(self) -> None:
        """Closes pooled connections."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The case database behind a URL, with its schema brought up to date; NotFound when it cannot be reached."""
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        folder = Path(parsed.database).parent
        if not folder.is_dir():
            raise NotFound("this home does not exist", where=str(folder), remedy="run `stormwatch init` first")
    database = Database(url)
    try:
        migrate(database)
    except DatabaseError as error:
        database.close()
        raise StormwatchError(
            f"the case database cannot be used: {' '.join(str(error.orig).split())}",
            where=parsed.render_as_string(hide_password=True),
            remedy="check that it is there, runs and lets this user in",
        ) from error
    return database


def is_write(connection: Connection) -> bool:
    """Whether a connection came from `Database.write`."""
    return bool(connection.get_execution_options().get(_WRITE, False))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise InvalidInput("the address of the case database cannot be read", remedy=_REMEDY) from error
    if backend not in {"sqlite", "postgresql"}:
        raise InvalidInput(f"{backend} is no database that Stormwatch can use", remedy=_REMEDY)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername == "postgresql" else parsed


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event decides how a transaction starts
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write(connection) else "BEGIN")
