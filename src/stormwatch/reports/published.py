"""What was published before: the rows of the table of publications as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from stormwatch.reports.figures import Period
from stormwatch.storage.tables.reports import publications


@dataclass(frozen=True, slots=True)
class Publication:
    """A report that went out: its place on the ledger and the SHA-256 (hex) of each file."""

    publication_id: str
    period: Period
    published_us: int
    published_by: str
    files: Mapping[str, str]
    ledger_sequence: int


def list_publications(connection: Connection) -> tuple[Publication, ...]:
    """Every publication, oldest first, inside the caller's transaction."""
    query = select(publications).order_by(publications.c.ledger_sequence)
    return tuple(
        Publication(
            row.publication_id,
            Period(row.from_us, row.to_us),
            row.published_us,
            row.published_by,
            row.files,
            row.ledger_sequence,
        )
        for row in connection.execute(query)
    )
