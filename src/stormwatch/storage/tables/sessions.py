"""The table of sessions in the console: the hash of the cookie's secret, whose they are, and their clocks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text

from stormwatch.storage.tables.base import metadata

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),  # no secret: it stays when the cookie is exchanged
    Column("cookie_hash", Text, nullable=False, unique=True),  # SHA-256 of the cookie, which itself is not kept
    Column("person_id", Text, ForeignKey("people.person_id"), nullable=False),
    Column("token_id", Text, ForeignKey("tokens.token_id")),  # the personal token that opened it: it ends with it
    Column("method", Text, nullable=False),
    Column("awaits_factor", Boolean, nullable=False),  # the first proof was good, the second has not come yet
    Column("opened_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
    Column("proved_us", BigInteger),  # when the second factor was last given
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index("sessions_person", "person_id"),
)
