"""A rule file over history: what it would hit, whom, at what cost, and what would change; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.history import EventKey, Searched, Window, needed, scan_microseconds, search_history
from stormwatch.detections.rulebook.cost import measure
from stormwatch.detections.rulebook.rules import RulePack, read_pack, rule_files
from stormwatch.detections.sigma.rule import Rule
from stormwatch.hunt.known_benign import known_benign
from stormwatch.model.errors import InvalidInput
from stormwatch.model.progress import ProgressReport
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

# A rule that fires more often than this ships in shadow (CONTRIBUTING).
SHADOW_SHARE: Final = 0.01
_EXAMPLES: Final = 10
_ACCOUNTS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class ScanCost:
    """Microseconds an event, for a rule scanned alone and for the whole set, over the same sample of history."""

    alone: float
    whole_set: float


@dataclass(frozen=True, slots=True)
class AccountHit:
    """An account that a rule hits: how often, and why it is known to be benign if it is."""

    account_id: str
    events: int
    known_benign: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same against the version in force: installed in another file, or as the last hunt recorded it."""

    rule_version: str
    found_by: str
    events: int
    accounts: int
    gained: int
    lost: int
    same: int
    accounts_gained: int
    accounts_lost: int


@dataclass(frozen=True, slots=True)
class RuleBacktest:
    """What one rule or correlation would have done."""

    rule_id: str
    rule_version: str
    title: str
    kind: str
    status: str
    shadow: bool
    events_hit: int
    accounts_hit: int
    share_of_events: float
    share_of_accounts: float
    known_benign_accounts: int
    accounts: tuple[AccountHit, ...]
    examples: tuple[str, ...]
    cost: ScanCost
    cost_class: str
    in_force: Comparison | None
    advice: str | None


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What was searched, and what each rule of the file would have done in it."""

    events: int
    accounts: int
    events_without_text: int
    rules: tuple[RuleBacktest, ...]


@dataclass(frozen=True, slots=True)
class BacktestParts:
    """What a backtest reads."""

    lake: Lake
    keyring: Keyring
    database: Database
    installed: Sequence[Path]


def backtest(parts: BacktestParts, path: Path, window: Window, progress: ProgressReport) -> BacktestReport:
    """Tries the rules of a file (or folder) on what is stored; InvalidInput where it holds none that can be run.

    A filter in the file is tried through the rules that it narrows.
    """
    before = read_pack(parts.installed)
    after = _with(parts.installed, path)
    targets = _targets(before, after, path)
    if not targets:
        raise InvalidInput("the file holds nothing to try", where=str(path), remedy="name a file with a rule")
    inside = {one.resolve() for one in rule_files([path])}
    old = {one.rule_id: one for one in before.entries if one.path.resolve() not in inside}
    replaced = [one.rule_id for one in targets if one.rule_id in old]
    packs = {"after": needed(after, [one.rule_id for one in targets]), "before": needed(before, replaced)}
    clusters = _clusters(parts.lake)
    searched = search_history(parts.lake, parts.keyring, packs, window, clusters=clusters, progress=progress)
    benign = known_benign(parts.lake, parts.database)
    whole = scan_microseconds(after, searched)
    results = []
    for target in targets:
        hits = searched.hits["after"].get(target.rule_id, set())
        compared: Comparison | None
        if target.rule_id in old:
            earlier = searched.hits["before"].get(target.rule_id, set())
            compared = _compare(hits, earlier, old[target.rule_id].rule_version, "installed")
        else:
            compared = _recorded(parts.lake, target.rule_id, window, hits)
        cost = ScanCost(scan_microseconds(needed(after, [target.rule_id]), searched), whole)
        results.append(_result(target, hits, searched, benign, cost, compared))
    return BacktestReport(searched.events, len(searched.accounts), searched.without_text, tuple(results))


def _with(installed: Sequence[Path], path: Path) -> RulePack:
    """The installed rules as they would be with the file in force."""
    known = {one.resolve() for one in rule_files(installed)}
    over = [] if {one.resolve() for one in rule_files([path])} <= known and path.exists() else [path]
    pack = read_pack(installed, over=over)
    inside = {one.resolve() for one in rule_files([path])} | {path.resolve()}
    wrong = [problem for problem in pack.errors if problem.path.resolve() in inside]
    if wrong:
        raise InvalidInput(wrong[0].what, where=wrong[0].where, remedy=wrong[0].remedy)
    return pack


def _targets(before: RulePack, after: RulePack, path: Path) -> list[Rule | Correlation]:
    """What stands in the file, and what of the rest it changes."""
    inside = {one.resolve() for one in rule_files([path])}
    versions = {one.rule_id: one.rule_version for one in before.entries}
    return [
        one for one in after.entries if one.path.resolve() in inside or versions.get(one.rule_id) != one.rule_version
    ]


def _result(
    target: Rule | Correlation,
    hits: set[EventKey],
    searched: Searched,
    benign: Mapping[str, str],
    cost: ScanCost,
    compared: Comparison | None,
) -> RuleBacktest:
    by_account = Counter(account for _, account, _ in hits)
    accounts = [AccountHit(account, events, benign.get(account)) for account, events in by_account.items()]
    accounts.sort(key=lambda one: (one.known_benign is None, -one.events, one.account_id))
    share = len(hits) / searched.events if searched.events else 0.0
    is_rule = isinstance(target, Rule)
    return RuleBacktest(
        rule_id=target.rule_id,
        rule_version=target.rule_version,
        title=target.title,
        kind="rule" if is_rule else "correlation",
        status=target.status,
        shadow=target.shadow,
        events_hit=len(hits),
        accounts_hit=len(by_account),
        share_of_events=round(share, 6),
        share_of_accounts=round(len(by_account) / len(searched.accounts), 6) if searched.accounts else 0.0,
        known_benign_accounts=sum(one.known_benign is not None for one in accounts),
        accounts=tuple(accounts[:_ACCOUNTS_SHOWN]),
        examples=tuple(event_id for event_id, _, _ in sorted(hits, key=lambda key: (key[2], key[0]))[:_EXAMPLES]),
        cost=cost,
        cost_class=measure(target).cost_class if isinstance(target, Rule) else "its rules'",
        in_force=compared,
        advice=_advice(share, shadow=target.shadow),
    )


def _advice(share: float, *, shadow: bool) -> str | None:
    if share > SHADOW_SHARE and not shadow:
        return f"it fires on {share:.1%} of the events; above {SHADOW_SHARE:.0%} write shadow: true"
    return None


def _compare(hits: set[EventKey], earlier: set[EventKey], version: str, found_by: str) -> Comparison:
    accounts = {account for _, account, _ in hits}
    before = {account for _, account, _ in earlier}
    return Comparison(
        rule_version=version,
        found_by=found_by,
        events=len(earlier),
        accounts=len(before),
        gained=len(hits - earlier),
        lost=len(earlier - hits),
        same=len(hits & earlier),
        accounts_gained=len(accounts - before),
        accounts_lost=len(before - accounts),
    )


def _recorded(lake: Lake, rule_id: str, window: Window, hits: set[EventKey]) -> Comparison | None:
    """Against what the last hunt recorded, where the file that is tried is the installed one itself."""
    columns = ("event_id", "account_id", "time_us", "rule_id", "rule_version")
    rows = [row for row in lake.read("detections", columns).to_pylist() if row["rule_id"] == rule_id]
    if not rows:
        return None
    low, high = window.since_us, window.until_us
    earlier = {
        (row["event_id"], row["account_id"], row["time_us"])
        for row in rows
        if (low is None or row["time_us"] >= low) and (high is None or row["time_us"] < high)
    }
    return _compare(hits, earlier, rows[-1]["rule_version"], "recorded by the last hunt")


def _clusters(lake: Lake) -> Mapping[str, str]:
    rows = lake.read("clusters", ("cluster_id", "account_ids", "merged_into")).to_pylist()
    return {account: row["cluster_id"] for row in rows if row["merged_into"] is None for account in row["account_ids"]}
