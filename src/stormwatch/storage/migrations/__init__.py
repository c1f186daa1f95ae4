"""Brings the schema of the case database up to date: Alembic revisions kept inside the package."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, inspect, text

from stormwatch.model.errors import Conflict

HEAD: Final = "0009"  # the newest revision below versions/; a test keeps the two equal
_VERSION_TABLE: Final = "alembic_version"


class Transactions(Protocol):
    """What a migration needs of the case database."""

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads."""
        ...

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that writes, one at a time over all processes."""
        ...


def migrate(database: Transactions) -> None:
    """Upgrades to HEAD in one transaction, or does nothing; Conflict when newer software made the database."""
    with database.read() as connection:
        if _is_current(_revision(connection)):
            return
    with database.write() as connection:
        if not _is_current(_revision(connection)):  # another process may have done it meanwhile
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    # Asked in plain SQL, because importing Alembic would cost every command a fifth of a second.
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608 - a constant


def _is_current(revision: str | None) -> bool:
    if revision is not None and revision > HEAD:
        raise Conflict(
            f"the case database has schema {revision}, and this software knows schemas up to {HEAD}",
            remedy="run the newer version of Stormwatch that made it, or restore a backup from before the upgrade",
        )
    return revision == HEAD


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
