"""Schema 0005: queues, due times and versions of cases, tasks, saved queries, and cases that people merged or split."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_COLUMNS: Final[tuple[tuple[str, Any, dict[str, Any]], ...]] = (
    ("leading", sa.Text(), {}),
    ("queue", sa.Text(), {"nullable": False, "server_default": "general"}),
    ("routed_by", sa.Text(), {}),
    ("due_hours", sa.JSON(), {}),
    ("due_us", sa.BigInteger(), {}),
    ("version", sa.Integer(), {"nullable": False, "server_default": "1"}),
    ("changed_by", sa.Text(), {}),
    ("changed_how", sa.Text(), {}),
    ("curated", sa.Boolean(), {"nullable": False, "server_default": sa.false()}),
    ("split_from", sa.Text(), {}),
)
_INDEXES: Final = (
    ("cases_by_risk", ["risk", "case_id"]),
    ("cases_by_due", ["due_us", "case_id"]),
    ("cases_by_opening", ["opened_us", "case_id"]),
    ("cases_by_change", ["updated_us", "case_id"]),
    ("cases_by_queue", ["queue", "state"]),
    ("cases_by_leading", ["leading"]),
    ("cases_merged_into", ["merged_into"]),
    ("cases_split_from", ["split_from"]),
)


def upgrade() -> None:
    """Adds to the table of cases; the next hunt puts cases that are there into their queues."""
    for name, kind, options in _COLUMNS:
        op.add_column("cases", sa.Column(name, kind, **options))
    for name, columns in _INDEXES:
        op.create_index(name, "cases", columns, unique=False)
    op.create_table(
        "case_tasks",
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=True),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"]),
        sa.PrimaryKeyConstraint("task_id"),
    )
    op.create_index("ix_case_tasks_case_id", "case_tasks", ["case_id"], unique=False)
    op.create_table(
        "saved_queries",
        sa.Column("query_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_us", sa.BigInteger(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("query_id"),
    )
    op.create_index("ix_saved_queries_made_by", "saved_queries", ["made_by"], unique=False)
