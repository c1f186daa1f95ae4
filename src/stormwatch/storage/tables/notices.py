"""Tables of what people are told and what they answer: notices with their outbox, one-time codes, appeals."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from stormwatch.storage.tables.base import metadata

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("action_id", Text, ForeignKey("actions.action_id"), index=True),
    Column("account_id", Text),
    Column("language", Text, nullable=False),
    Column("sealed_words", Text, nullable=False),  # encrypted under a key that the database lacks; no code among them
    Column("salt", Text, nullable=False),
    Column("commitment", Text, nullable=False),  # SHA-256 over salt and words, hex
    Column("made_us", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),  # a person_id, or "system"
    Column("decided_us", BigInteger),
    Column("decided_by", Text),
    Column("attempts", Integer, nullable=False),
    Column("next_try_us", BigInteger, nullable=False),
    Column("last_error", Text),
    Column("sent_us", BigInteger),
    Column("appeal_until_us", BigInteger),
    Index("notices_due", "state", "next_try_us"),
)

appeal_codes = Table(
    "appeal_codes",
    metadata,
    Column("code_hash", Text, primary_key=True),  # HMAC under a key that the database lacks
    Column("notice_id", Text, ForeignKey("notices.notice_id"), nullable=False, index=True),
    Column("made_us", BigInteger, nullable=False),
)

appeals = Table(
    "appeals",
    metadata,
    Column("appeal_id", Text, primary_key=True),
    Column("notice_id", Text, ForeignKey("notices.notice_id"), nullable=False),
    # One appeal for one action, however many notices told of it.
    Column("action_id", Text, ForeignKey("actions.action_id"), nullable=False, unique=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("account_id", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sealed_text", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("commitment", Text, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("decided_us", BigInteger),
    Column("decided_by", Text),
    Column("sealed_reason", Text),  # why, for the record; and what the holder is told of it
    Column("settled_us", BigInteger),
    Index("appeals_due", "state", "due_us"),
)
