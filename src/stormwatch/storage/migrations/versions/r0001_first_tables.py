"""Schema 0001: all tables of the first release, made from the metadata itself.

Only a first release can do this, because there is no older database to change. Before schema 0002 is written, this file
must spell out its tables, else it would make those of 0002 as well.
"""

from __future__ import annotations

from alembic import op

from stormwatch.storage.tables.all import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    metadata.create_all(op.get_bind())
