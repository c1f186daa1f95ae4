"""What became of accounts in the end, kept where earlier stages read it: the table `outcomes`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

from sqlalchemy import Connection, insert, select

from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import outcomes


class Outcome(StrEnum):
    """How an account left a review."""

    CLEARED = "cleared"
    SUSPENDED = "suspended"
    REINSTATED = "reinstated"


def record_outcomes(
    connection: Connection, account_ids: Iterable[str], case_id: str, outcome: Outcome, now_us: int
) -> None:
    """Notes an outcome for each account inside the caller's write transaction."""
    rows = [
        {"account_id": account_id, "case_id": case_id, "outcome": outcome.value, "time_us": now_us}
        for account_id in account_ids
    ]
    if rows:
        connection.execute(insert(outcomes), rows)


def suspended_accounts(database: Database) -> frozenset[str]:
    """Accounts whose last outcome is a suspension."""
    return _last_left(database, {Outcome.SUSPENDED})


def cleared_accounts(database: Database) -> frozenset[str]:
    """Accounts that a review cleared, or that were reinstated, and that nothing befell since."""
    return _last_left(database, {Outcome.CLEARED, Outcome.REINSTATED})


def _last_left(database: Database, wanted: Collection[str]) -> frozenset[str]:
    last: dict[str, str] = {}
    with database.read() as connection:
        for row in connection.execute(select(outcomes).order_by(outcomes.c.time_us, outcomes.c.outcome_id)):
            last[row.account_id] = row.outcome
    return frozenset(account for account, outcome in last.items() if outcome in wanted)
