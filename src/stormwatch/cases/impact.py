"""Counts of a case's accounts as what a model may have added to their work: speed, scale, depth, and how unattended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stormwatch.cases.findings import rows_where
from stormwatch.model.times import DAY, day_of
from stormwatch.storage.lake import Lake


@dataclass(frozen=True, slots=True)
class Autonomy:
    """The highest level (0 to 4) at which workflows of an account ran without a person, in the detector's words."""

    account_id: str
    level: int
    summary: str
    innocent_explanation: str


@dataclass(frozen=True, slots=True)
class ImpactFacts:
    """What can be counted of uplift and autonomy.

    `pauses` are gaps between requests of one account, `quick_pauses` those under two seconds, `busiest_day` the most
    requests of all accounts on one day (RFC 3339 date), `techniques` how many different ones rules saw.
    """

    accounts: int
    requests: int
    days: int
    pauses: int
    quick_pauses: int
    busiest_day: str | None
    busiest_requests: int
    techniques: int
    autonomy: tuple[Autonomy, ...]


def impact_facts(lake: Lake, account_ids: Collection[str], techniques: Collection[str]) -> ImpactFacts:
    """The counts over all that is stored of these accounts; `techniques` are those that rules saw of them."""
    columns = ["account_id", "day", "events", "gaps", "quick_gaps"]
    rows = rows_where(lake, "account_day", "account_id", account_ids, columns)
    by_day: Counter[int] = Counter()
    for row in rows:
        by_day[row["day"]] += row["events"]
    busiest = max(by_day, key=lambda day: (by_day[day], -day), default=None)
    return ImpactFacts(
        accounts=len(account_ids),
        requests=sum(by_day.values()),
        days=len(by_day),
        pauses=sum(row["gaps"] or 0 for row in rows),
        quick_pauses=sum(row["quick_gaps"] or 0 for row in rows),
        busiest_day=None if busiest is None else day_of(busiest * DAY),
        busiest_requests=0 if busiest is None else by_day[busiest],
        techniques=len(techniques),
        autonomy=_autonomy(lake, account_ids),
    )


def impact_sentences(facts: ImpactFacts) -> tuple[str, ...]:
    """The counts as sentences, which say of uplift what can be counted and leave to the reviewer what cannot."""
    if not facts.requests:
        return ("No requests of these accounts are stored.",)
    quick = f"{facts.quick_pauses / facts.pauses:.0%}" if facts.pauses else "none"
    return (
        f"Speed: {quick} of {facts.pauses:,} pauses between requests are shorter than two seconds.",
        f"Scale: {facts.requests:,} requests on {facts.days} day{'s' if facts.days > 1 else ''} by {facts.accounts} "
        f"account{'s' if facts.accounts > 1 else ''}; {facts.busiest_requests:,} on the busiest, {facts.busiest_day}.",
        f"Depth: rules saw {facts.techniques} different technique{'' if facts.techniques == 1 else 's'}.",
        *_autonomy_sentences(facts.autonomy),
        "Whether the answers made anything possible that was not before, counts cannot say: the reviewer judges it.",
    )


def _autonomy(lake: Lake, account_ids: Collection[str]) -> tuple[Autonomy, ...]:
    columns = ["account_id", "level", "summary", "innocent_explanation"]
    rows = [row for row in rows_where(lake, "findings", "account_id", account_ids, columns) if row["level"] is not None]
    found = (Autonomy(row["account_id"], row["level"], row["summary"], row["innocent_explanation"]) for row in rows)
    return tuple(sorted(found, key=lambda each: (-each.level, each.account_id)))


def _autonomy_sentences(found: Sequence[Autonomy]) -> tuple[str, ...]:
    if not found:
        return ("Autonomy: no workflow of these accounts ran without a person for long.",)
    highest = found[0]
    number = sum(each.level == highest.level for each in found)
    who = "one account" if number == 1 else f"{number} accounts"
    return (
        f"Autonomy: {highest.summary} (the highest, on {who}).",
        f"That may be innocent: {highest.innocent_explanation}.",
    )
