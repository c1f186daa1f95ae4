"""What the accounts of a case did, day by day, and when each was first suspected: the ground that a plan stands on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from stormwatch.cases.findings import rows_where
from stormwatch.model.times import DAY
from stormwatch.storage.lake import Lake

WEEK_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class DayOf:
    """One day (days since the epoch) of one account."""

    account_id: str
    day: int
    requests: int
    blocked: int


@dataclass(frozen=True, slots=True)
class CaseActivity:
    """Days of some accounts up to `last_day`, the last that anything is stored of for anybody."""

    last_day: int
    days: tuple[DayOf, ...]
    first_seen_us: Mapping[str, int]
    first_sign_us: Mapping[str, int]
    hit_events: Mapping[str, int]
    indicators: frozenset[str]

    def requests(self, from_day: int, to_day: int) -> int:
        """Requests on the days from `from_day` to before `to_day`."""
        return sum(one.requests for one in self.days if from_day <= one.day < to_day)

    def blocked(self, from_day: int, to_day: int) -> int:
        """Requests that a gateway turned away in these days."""
        return sum(one.blocked for one in self.days if from_day <= one.day < to_day)

    def active(self, from_day: int, to_day: int) -> frozenset[str]:
        """Accounts that asked for anything in these days."""
        return frozenset(one.account_id for one in self.days if from_day <= one.day < to_day and one.requests)

    def after_first_sign(self) -> int:
        """Requests on the days after each account's first sign: the most that a ban at that sign would have spared."""
        signs = self.first_sign_us
        return sum(
            one.requests for one in self.days if one.account_id in signs and one.day > signs[one.account_id] // DAY
        )

    def came_after_first_sign_of_another(self) -> int:
        """Accounts that asked for the first time when another one had shown its first sign already."""
        first = min(self.first_sign_us.values(), default=None)
        return 0 if first is None else sum(1 for seen in self.first_seen_us.values() if seen > first)


def case_activity(lake: Lake, account_ids: Collection[str]) -> CaseActivity:
    """The activity of these accounts over all stored history."""
    rows = rows_where(
        lake, "account_day", "account_id", account_ids, ["account_id", "day", "events", "blocked", "first_us"]
    )
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["account_id"]] = min(row["first_us"], seen.get(row["account_id"], row["first_us"]))
    signs: dict[str, int] = {}
    evidence = ["account_id", "weight_bits", "event_time_us"]
    for row in rows_where(lake, "account_evidence", "account_id", account_ids, evidence):
        moment = row["event_time_us"]
        if moment is not None and row["weight_bits"] > 0:
            signs[row["account_id"]] = min(moment, signs.get(row["account_id"], moment))
    hits, indicators = _hits(lake, account_ids)
    return CaseActivity(
        last_day=_last_day(lake),
        days=tuple(DayOf(row["account_id"], row["day"], row["events"], row["blocked"] or 0) for row in rows),
        first_seen_us=seen,
        first_sign_us=signs,
        hit_events=hits,
        indicators=indicators,
    )


def _hits(lake: Lake, account_ids: Collection[str]) -> tuple[Mapping[str, int], frozenset[str]]:
    """Requests that a rule counted on, by event with their time; and the indicators that were met."""
    columns = ["event_id", "time_us", "shadow", "indicator_id"]
    rows = [row for row in rows_where(lake, "detections", "account_id", account_ids, columns) if not row["shadow"]]
    met = frozenset(row["indicator_id"] for row in rows if row["indicator_id"])
    return {row["event_id"]: row["time_us"] for row in rows}, met


def _last_day(lake: Lake) -> int:
    return max(lake.read("account_day", ["day"])["day"].to_pylist(), default=0)
