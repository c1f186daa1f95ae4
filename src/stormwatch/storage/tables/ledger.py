"""Tables of the ledger: the rows of the log, their salts apart so that these can be erased, and the tree's head."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from stormwatch.storage.tables.base import metadata

ledger = Table(
    "ledger",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3, ...; leaf index + 1
    Column("time_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),  # a person_id, a token_id or "system"
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON
    Column("commitment", Text, nullable=False),  # hex, as the two below
    Column("leaf_hash", Text, nullable=False),
    Column("head", Text, nullable=False),  # root of the tree that ends with this row
    Index("ledger_subject", "subject", "sequence"),
    Index("ledger_kind", "kind", "sequence"),
)

ledger_salts = Table(
    "ledger_salts",
    metadata,
    Column("sequence", BigInteger, ForeignKey("ledger.sequence"), primary_key=True, autoincrement=False),
    Column("salt", Text, nullable=False),  # 32 random bytes in hex
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="ledger_head_one_row"), primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("edge", Text, nullable=False),  # roots of the full subtrees from left to right, hex, joined by spaces
    Column("seal", Text, nullable=False),  # HMAC-SHA-256 over size and edge under a key that is not in the database
)
