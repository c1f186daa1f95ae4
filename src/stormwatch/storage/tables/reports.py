"""The table of publications: which report went out for which period, with the hashes of its files."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Table, Text

from stormwatch.storage.tables.base import metadata

publications = Table(
    "publications",
    metadata,
    Column("publication_id", Text, primary_key=True),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Column("published_us", BigInteger, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("files", JSON, nullable=False),  # file name -> SHA-256 in hex
    Column("ledger_sequence", BigInteger, nullable=False),
)
