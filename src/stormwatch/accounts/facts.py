"""Facts of every account, counted by the query engine: what the weights are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stormwatch.storage.engine import QueryEngine, sql_file
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import ACCOUNT_DAY


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """Counts of one account over the window; times in microseconds, None where the account was never seen."""

    account_id: str
    events: int
    first_us: int | None
    last_us: int | None
    created_us: int | None
    org_id: str | None
    status: str | None


def count_days(engine: QueryEngine, lake: Lake) -> None:
    """Writes `account_day` from the view `events`."""
    lake.replace("account_day", engine.query(sql_file("stormwatch.accounts", "account_day")))


def account_facts(engine: QueryEngine, lake: Lake) -> Sequence[AccountFacts]:
    """One row per account of `account_day` and the view `account_records`, in the order of ids."""
    engine.register_files("account_day", lake.paths("account_day"), ACCOUNT_DAY)
    rows = engine.query(sql_file("stormwatch.accounts", "account_facts")).to_pylist()
    return [AccountFacts(**row) for row in rows]
