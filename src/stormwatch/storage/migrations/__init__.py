"""Brings the schema of the case database up to date: Alembic revisions kept inside the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from stormwatch.storage.tables.base import metadata

if TYPE_CHECKING:
    from stormwatch.storage.database import Database

HEAD: Final = "0001"


def migrate(database: Database) -> None:
    """Creates the schema of a new database."""
    import stormwatch.storage.tables.all

    assert stormwatch.storage.tables.all
    with database.write() as connection:
        metadata.create_all(connection)
        connection.execute(text("SELECT 1"))
