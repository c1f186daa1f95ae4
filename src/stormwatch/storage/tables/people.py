"""Tables of people: who may act, every role they ever held, and the hashes of their and the machines' tokens."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from stormwatch.storage.tables.base import metadata

people = Table(
    "people",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),  # the name folded, so that Ann and ANN are one person
    Column("role", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
)

role_changes = Table(
    "role_changes",
    metadata,
    Column("change_id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.person_id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("changed_by", Text, nullable=False),
    Index("role_changes_person", "person_id", "time_us"),
)

# Which of these accounts are one human being's, as an administrator stated: they count as one where two must act.
same_people = Table(
    "same_people",
    metadata,
    Column("person_id", Text, ForeignKey("people.person_id"), primary_key=True),  # the smaller id
    Column("other_id", Text, ForeignKey("people.person_id"), primary_key=True),
    Column("stated_by", Text, nullable=False),
    Column("stated_us", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.person_id")),  # null for a machine's token
    Column("label", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # sorted, joined by a space
    Column("secret_hash", Text, nullable=False),  # SHA-256 of the secret, hex
    Column("created_us", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("last_used_us", BigInteger),  # to the hour
    Index("tokens_person", "person_id"),
)
