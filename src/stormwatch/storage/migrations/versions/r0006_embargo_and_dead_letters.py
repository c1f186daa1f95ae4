"""Schema 0006: embargoes, ends of actions, idempotency keys, dead letters, and people who are one human being."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the columns and the table. Actions of before have been in force since their approval."""
    op.add_column("proposals", sa.Column("not_before_us", sa.BigInteger(), nullable=True))
    op.add_column("actions", sa.Column("effective_us", sa.BigInteger(), nullable=True))
    op.add_column("actions", sa.Column("ended_us", sa.BigInteger(), nullable=True))
    op.execute(sa.text("UPDATE actions SET effective_us = approved_us"))
    op.add_column("outbox", sa.Column("dead_us", sa.BigInteger(), nullable=True))
    op.create_index("outbox_unfinished", "outbox", ["finished_us", "dead_us", "next_try_us"], unique=False)
    for column in (
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("idempotency_key", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
    ):
        op.add_column("receipts", column)
    op.create_table(
        "same_people",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("other_id", sa.Text(), nullable=False),
        sa.Column("stated_by", sa.Text(), nullable=False),
        sa.Column("stated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.person_id"]),
        sa.ForeignKeyConstraint(["other_id"], ["people.person_id"]),
        sa.PrimaryKeyConstraint("person_id", "other_id"),
    )
