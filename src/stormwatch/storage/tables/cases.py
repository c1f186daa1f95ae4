"""Tables of the review: cases with their accounts, history, notes and answers, and the outcomes that stages read."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text

from stormwatch.storage.tables.base import metadata

cases = Table(
    "cases",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("subject_id", Text, nullable=False, index=True),  # cluster id, or account id of one that stands alone
    Column("cluster_id", Text),
    Column("state", Text, nullable=False, index=True),
    Column("opened_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("risk", Float, nullable=False),
    Column("title", Text, nullable=False),
    Column("assignee", Text),  # person id
    Column("merged_into", Text),  # the case that took this one's accounts over
    Column("settled_digest", Text),  # digest of the evidence on which it was last acted on, cleared or closed
    Column("settled_evidence", JSON),  # that evidence as [account, kind, group, actors, bits], to tell what is new
)

case_accounts = Table(
    "case_accounts",
    metadata,
    Column("case_id", Text, ForeignKey("cases.case_id"), primary_key=True),
    Column("account_id", Text, primary_key=True, index=True),
    Column("joined_us", BigInteger, nullable=False),
)

case_history = Table(
    "case_history",
    metadata,
    Column("entry_id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("from_state", Text),  # null: the opening
    Column("to_state", Text, nullable=False),
    Column("by", Text, nullable=False),  # person id, or `hunt`
    Column("time_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
)

case_notes = Table(
    "case_notes",
    metadata,
    Column("note_id", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("by", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
)

case_answers = Table(
    "case_answers",
    metadata,
    Column("case_id", Text, ForeignKey("cases.case_id"), primary_key=True),
    Column("alternative_id", Text, primary_key=True),  # derived from what the alternative says
    Column("answer", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("time_us", BigInteger, nullable=False),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("outcome_id", Integer, primary_key=True, autoincrement=True),
    Column("account_id", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # cleared, suspended, reinstated
    Column("time_us", BigInteger, nullable=False),
    Index("outcomes_by_account", "account_id", "time_us"),
)
