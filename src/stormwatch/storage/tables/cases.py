"""Tables of the review: cases, their accounts, history, notes, answers and tasks, saved queries, and outcomes."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text, false

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
    Column("leading", Text),  # the first-ranked hypothesis
    Column("queue", Text, nullable=False, server_default="general"),
    Column("routed_by", Text),  # person id of who put it into its queue; null: the rules of the queues did
    Column("due_hours", JSON),  # state -> hours, as its queue gives them, so that a move asks no file
    Column("due_us", BigInteger),
    Column("version", Integer, nullable=False, server_default="1"),  # one more with every change that people must know
    Column("changed_by", Text),
    Column("changed_how", Text),
    Column("curated", Boolean, nullable=False, server_default=false()),  # people merged or split it: its accounts stay
    Column("split_from", Text),
    # The orders in which the queue is paged, each by one index.
    Index("cases_by_risk", "risk", "case_id"),
    Index("cases_by_due", "due_us", "case_id"),
    Index("cases_by_opening", "opened_us", "case_id"),
    Index("cases_by_change", "updated_us", "case_id"),
    Index("cases_by_queue", "queue", "state"),
    Index("cases_by_leading", "leading"),
    Index("cases_merged_into", "merged_into"),
    Index("cases_split_from", "split_from"),
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

case_tasks = Table(
    "case_tasks",
    metadata,
    Column("task_id", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("assignee", Text),  # person id
    Column("due_us", BigInteger),
    Column("made_by", Text, nullable=False),  # person id, or `hunt`
    Column("made_us", BigInteger, nullable=False),
    Column("ended_by", Text),
    Column("ended_us", BigInteger),
    Column("outcome", Text),  # done or dropped
    Column("remark", Text),  # what came of it, or why it was dropped
)

saved_queries = Table(
    "saved_queries",
    metadata,
    Column("query_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),  # as it stands in the address of the queue
    Column("made_by", Text, nullable=False, index=True),
    Column("made_us", BigInteger, nullable=False),
    Column("shared", Boolean, nullable=False),
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
