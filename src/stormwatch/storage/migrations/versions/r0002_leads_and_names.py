"""Schema 0002: where names come from, who accepted a lead, and what each search for it answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds tables and columns; leads that are there count as accepted when they came."""
    _names()
    op.add_column("indicators", sa.Column("pap", sa.Text(), nullable=True))
    op.add_column("indicators", sa.Column("grade", sa.Text(), nullable=True))
    _leads()
    _searches()


def _names() -> None:
    op.create_table(
        "intel_collections",
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("dated", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("imported_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("collection"),
    )
    op.add_column("intel_actors", sa.Column("dated", sa.Text(), nullable=True))
    op.add_column("intel_actor_names", sa.Column("citation", sa.Text(), nullable=True))


def _leads() -> None:
    op.add_column("leads", sa.Column("added_by", sa.Text(), nullable=False, server_default="system"))
    op.add_column("leads", sa.Column("names_people", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("leads", sa.Column("legal_basis", sa.Text(), nullable=False, server_default=""))
    op.add_column("leads", sa.Column("decided_by", sa.Text(), nullable=True))
    op.add_column("leads", sa.Column("decided_us", sa.BigInteger(), nullable=True))
    op.add_column("leads", sa.Column("decision_note", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "lead_observables",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "kind", "value"),
    )
    op.execute(
        "INSERT INTO lead_observables (lead_id, kind, value) "
        "SELECT DISTINCT lead_id, kind, value FROM indicators WHERE lead_id IS NOT NULL"
    )
    op.execute("UPDATE leads SET decided_by = 'system', decided_us = received_us")


def _searches() -> None:
    op.create_table(
        "lead_searches",
        sa.Column("search_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("searched_us", sa.BigInteger(), nullable=False),
        sa.Column("watched_until_us", sa.BigInteger(), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=True),
        sa.Column("until_us", sa.BigInteger(), nullable=True),
        sa.Column("events_searched", sa.BigInteger(), nullable=False),
        sa.Column("without_artefacts", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("search_id"),
    )
    op.create_index(op.f("ix_lead_searches_lead_id"), "lead_searches", ["lead_id"], unique=False)
    op.create_table(
        "lead_findings",
        sa.Column("search_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("event_ids", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("search_id", "account_id", "kind", "value"),
    )
