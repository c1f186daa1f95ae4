"""Schema 0009: a password remembers who made the one-time code that it began with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds the column; of passwords that are there already nobody knows it."""
    op.add_column("passwords", sa.Column("code_made_by", sa.Text(), nullable=True))
