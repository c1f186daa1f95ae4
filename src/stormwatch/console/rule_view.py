"""Turns a rule into what its page shows: its file, versions, hits by day, whom it hit, and whom it should not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stormwatch.config import shipped
from stormwatch.console.account_list import Standing as AccountStanding
from stormwatch.console.account_list import standings
from stormwatch.console.day_chart import DayChart, day_chart
from stormwatch.console.lake_query import LakeQuery, lake_query
from stormwatch.console.paging import PAGE_ROWS, Page, cut, decode_cursor
from stormwatch.console.rule_list import (
    Entry,
    RuleLine,
    detectors_in_force,
    rule_folders,
    rule_lines,
    rules_in_force,
)
from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.rulebook.rules import TESTS_SUFFIXES
from stormwatch.detections.sigma.rule import Rule
from stormwatch.hunt.known_benign import known_benign
from stormwatch.model.errors import NotFound
from stormwatch.runtime import Runtime

_DAYS: Final = 400
_BENIGN_SHOWN: Final = 50
_LONGEST_SOURCE: Final = 200_000
_ABOVE_ALL: Final = 2**62


@dataclass(frozen=True, slots=True)
class DayHits:
    """On how many requests and accounts a rule fired on a day (days since the epoch)."""

    day: int
    events: int
    accounts: int


@dataclass(frozen=True, slots=True)
class VersionHits:
    """What one version of a rule hit."""

    rule_version: str
    events: int
    accounts: int
    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class AccountHits:
    """An account that a rule hit; `benign` is why it is known to be innocent, None where nothing says so."""

    account_id: str
    events: int
    first_us: int
    last_us: int
    benign: str | None


@dataclass(frozen=True, slots=True)
class RuleSource:
    """The file that a rule stands in: `shipped` or `yours`, its place below that folder, and its text."""

    owner: str
    place: str
    text: str
    tested: bool


@dataclass(frozen=True, slots=True)
class RuleView:
    """Everything that the page of one rule shows; `entry` and `source` are None for what is in no file."""

    line: RuleLine
    entry: Entry | None
    source: RuleSource | None
    innocent: tuple[str, ...]
    chart: DayChart | None
    days: tuple[DayHits, ...]
    versions: tuple[VersionHits, ...]
    accounts: Page[AccountHits]
    benign: tuple[AccountHits, ...]
    benign_total: int
    standings: Mapping[str, AccountStanding]
    related: tuple[RuleLine, ...]


def rule_view(runtime: Runtime, rule_id: str, after: str = "") -> RuleView:
    """The view of one rule; NotFound when it is neither in force nor recorded, InvalidInput for a foreign cursor."""
    below, after_id = decode_cursor(after, (0, "")) if after else (_ABOVE_ALL, "")
    lines = {line.rule_id: line for line in rule_lines(runtime)}
    if rule_id not in lines:
        raise NotFound("there is no such rule", where=rule_id, remedy="the rules page lists those there are")
    entry = next((one for one in rules_in_force(runtime).entries if one.rule_id == rule_id), None)
    innocents = known_benign(runtime.lake, runtime.database)
    with lake_query(runtime, ("detections",)) as query:
        days = tuple(DayHits(**row) for row in query.rows("rule_days", rule=rule_id, rows=_DAYS))
        versions = tuple(VersionHits(**row) for row in query.rows("rule_versions", rule=rule_id))
        hits = _accounts(query, rule_id, innocents, below=below, after_id=after_id, rows=PAGE_ROWS + 1)
        benign = _accounts(query, rule_id, innocents, among=sorted(innocents)) if innocents else ()
    shown = cut(hits, lambda one: (one.events, one.account_id))
    return RuleView(
        line=lines[rule_id],
        entry=entry,
        source=_source(runtime, entry) if entry else None,
        innocent=_innocent(rule_id, entry),
        chart=day_chart({one.day: one.events for one in days}),
        days=days,
        versions=versions,
        accounts=shown,
        benign=benign[:_BENIGN_SHOWN],
        benign_total=len(benign),
        standings=standings(runtime, [one.account_id for one in shown.rows]),
        related=tuple(lines[name] for name in _related(entry) if name in lines),
    )


def _accounts(
    query: LakeQuery,
    rule_id: str,
    innocents: Mapping[str, str],
    *,
    among: Sequence[str] | None = None,
    below: int | float | str = _ABOVE_ALL,
    after_id: int | float | str = "",
    rows: int = 1_000_000,
) -> tuple[AccountHits, ...]:
    found = query.rows(
        "rule_accounts",
        rule=rule_id,
        everybody=among is None,
        accounts=list(among or [""]),
        below=below,
        after_id=after_id,
        rows=rows,
    )
    return tuple(_hit(row, innocents) for row in found)


def _hit(row: Mapping[str, Any], innocents: Mapping[str, str]) -> AccountHits:
    return AccountHits(**row, benign=innocents.get(row["account_id"]))


def _related(entry: Entry | None) -> tuple[str, ...]:
    """The rules that a correlation builds on, or the correlations that a rule is a step of."""
    if isinstance(entry, Correlation):
        return tuple(dict.fromkeys(member.rule_id for member in entry.members))
    return entry.component_of if entry else ()


def _innocent(rule_id: str, entry: Entry | None) -> tuple[str, ...]:
    if entry is not None:
        return entry.falsepositives
    detector = detectors_in_force().get(rule_id)
    return (detector.settings.innocent,) if detector else ()


def _source(runtime: Runtime, entry: Entry) -> RuleSource | None:
    """The text of a rule's file; None where the file is gone since the rules were read."""
    try:
        text = entry.path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    folder = next((one for one in rule_folders(runtime) if entry.path.is_relative_to(one)), entry.path.parent)
    owner = "shipped" if folder == shipped("rules") else "yours"
    return RuleSource(owner, str(entry.path.relative_to(folder)), text[:_LONGEST_SOURCE], _tested(entry))


def _tested(entry: Rule | Correlation) -> bool:
    tests: list[Path] = [entry.path.with_name(f"{entry.path.stem}{suffix}") for suffix in TESTS_SUFFIXES]
    return any(path.exists() for path in tests)
