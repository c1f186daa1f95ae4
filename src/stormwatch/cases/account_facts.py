"""What the operator and the counts say of each account in a case, apart from evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import pyarrow.compute as pc

from stormwatch.cases.findings import rows_where
from stormwatch.storage.lake import Lake


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account's record and its counts; None where the operator told nothing."""

    account_id: str
    org_id: str | None = None
    created_us: int | None = None
    programme: str | None = None
    verified_researcher: bool | None = None
    status: str | None = None
    events: int = 0
    days: int = 0
    refused: int = 0
    blocked: int = 0
    tool_calls: int = 0
    retries: int = 0
    first_us: int | None = None
    last_us: int | None = None


def account_facts(lake: Lake, account_ids: Collection[str]) -> tuple[AccountFacts, ...]:
    """Facts of each account, in the order of their ids; an account without a record or requests has none."""
    records = {row["account_id"]: row for row in rows_where(lake, "account_records", "account_id", account_ids)}
    counts: dict[str, Counter[str]] = {account_id: Counter() for account_id in account_ids}
    spans: dict[str, list[int]] = {account_id: [] for account_id in account_ids}
    for day in rows_where(lake, "account_day", "account_id", account_ids):
        counts[day["account_id"]].update(
            {name: day[name] for name in ("events", "refused", "blocked", "tool_calls", "retries")}
        )
        counts[day["account_id"]]["days"] += 1
        spans[day["account_id"]] += [day["first_us"], day["last_us"]]
    return tuple(
        AccountFacts(
            account_id=account_id,
            **{
                name: records.get(account_id, {}).get(name)
                for name in ("org_id", "created_us", "programme", "verified_researcher", "status")
            },
            events=counts[account_id]["events"],
            days=counts[account_id]["days"],
            refused=counts[account_id]["refused"],
            blocked=counts[account_id]["blocked"],
            tool_calls=counts[account_id]["tool_calls"],
            retries=counts[account_id]["retries"],
            first_us=min(spans[account_id], default=None),
            last_us=max(spans[account_id], default=None),
        )
        for account_id in sorted(account_ids)
    )


def verified_researchers(lake: Lake) -> frozenset[str]:
    """The operator's registry of verified researchers, as far as records of accounts tell it."""
    held = pc.field("verified_researcher") == pc.scalar(True)  # noqa: FBT003 - pyarrow takes it so
    return frozenset(lake.read("account_records", ["account_id"], where=held)["account_id"].to_pylist())


def techniques_seen(lake: Lake, account_ids: Collection[str]) -> Counter[str]:
    """How many requests of these accounts showed each technique, by rules that are not in shadow."""
    seen: Counter[str] = Counter()
    columns = ["event_id", "account_id", "techniques", "shadow"]
    pairs = {
        (row["account_id"], row["event_id"], technique)
        for row in rows_where(lake, "detections", "account_id", account_ids, columns)
        if not row["shadow"]
        for technique in row["techniques"] or ()
    }
    seen.update(technique for _, _, technique in pairs)
    return seen
