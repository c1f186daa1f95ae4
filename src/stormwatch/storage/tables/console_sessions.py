"""The table of console sessions: the hash of the cookie's secret, the token that opened it, and its clocks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from stormwatch.storage.tables.base import metadata

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("session_hash", Text, primary_key=True),  # SHA-256 of the cookie; the cookie itself is not kept
    Column("sealed_token", Text, nullable=False),  # encrypted, so that a revoked token ends its sessions at once
    Column("opened_us", BigInteger, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
)
