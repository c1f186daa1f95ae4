"""Imports every file of tables, so that the metadata is whole before a schema is made."""

from __future__ import annotations

from stormwatch.storage.tables import (
    actions,
    alerts,
    cases,
    credentials,
    identities,
    intel,
    ledger,
    notices,
    people,
    reports,
    sessions,
)
from stormwatch.storage.tables.base import metadata

__all__ = [
    "actions",
    "alerts",
    "cases",
    "credentials",
    "identities",
    "intel",
    "ledger",
    "metadata",
    "notices",
    "people",
    "reports",
    "sessions",
]
