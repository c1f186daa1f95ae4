"""Schema 0007: changes of the decision list, numbered by triggers, and what gateways were made to shut."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NOTE: Final = "INSERT INTO decision_changes (account_id) VALUES ({row}.account_id);"
_ROWS: Final = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}
_FUNCTION: Final = """
CREATE FUNCTION note_decision_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN INSERT INTO decision_changes (account_id) VALUES (OLD.account_id); END IF;
    IF TG_OP <> 'DELETE' THEN INSERT INTO decision_changes (account_id) VALUES (NEW.account_id); END IF;
    RETURN NULL;
END $$
"""
_TRIGGER: Final = """
CREATE TRIGGER decisions_change AFTER INSERT OR UPDATE OR DELETE ON decisions
FOR EACH ROW EXECUTE FUNCTION note_decision_change()
"""


def upgrade() -> None:
    """Makes the tables and the triggers."""
    op.create_table(
        "gateway_holds",
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "account_id", "held"),
    )
    op.create_table(
        "decision_changes",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        for deed, rows in _ROWS.items():
            notes = " ".join(_NOTE.format(row=row) for row in rows)
            op.execute(f"CREATE TRIGGER decisions_{deed} AFTER {deed} ON decisions BEGIN {notes} END")
    else:
        op.execute(_FUNCTION)
        op.execute(_TRIGGER)
