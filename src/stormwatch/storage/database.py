"""The case database: SQLite in WAL mode or PostgreSQL behind one small port that hands out transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url

from stormwatch.model.errors import NotFound

_ADVISORY_LOCK: Final = 0x5707_4A7C


class Database:
    """Transactions on the case database. `write` holds the one writer's place, so read-then-write inside it is safe."""

    def __init__(self, url: str) -> None:
        self.url = url
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.engine: Engine = create_engine(parsed)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes, one at a time over all processes; it rolls back when the block raises."""
        options = {"stormwatch_write": True}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            yield connection

    def close(self) -> None:
        """Closes pooled connections."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """The case database behind a URL, with its schema brought up to date."""
    from stormwatch.storage.migrations import migrate

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        folder = Path(parsed.database).parent
        if not folder.is_dir():
            raise NotFound("this home does not exist", where=str(folder), remedy="run `stormwatch init` first")
    database = Database(url)
    migrate(database)
    return database


def is_write(connection: Connection) -> bool:
    """Whether a connection came from `Database.write`."""
    return bool(connection.get_execution_options().get("stormwatch_write", False))


def has_table(database: Database, name: str) -> bool:
    """Whether the schema holds a table."""
    return inspect(database.engine).has_table(name)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's begin event decides how a transaction starts
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write(connection) else "BEGIN")
