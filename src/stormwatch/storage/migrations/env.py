"""Run by Alembic: applies revisions to the connection, and inside the transaction, that `migrate` holds."""

from __future__ import annotations

from alembic import context

from stormwatch.storage.tables.all import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
