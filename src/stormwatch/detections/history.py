"""Rules over stored texts without writing anything: which events they hit, and what they cost."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from stormwatch.detections.correlations.correlating_batch import correlate_all
from stormwatch.detections.correlations.correlation import ACCOUNT, CLUSTER, RuleHit, fields_of, member_ids
from stormwatch.detections.rulebook.rules import RulePack
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.segment_events import EventRow, SegmentEvents
from stormwatch.detections.text.normalise import NormalText
from stormwatch.model.progress import ProgressReport
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeFile
from stormwatch.storage.texts import read_segment

_SAMPLE: Final = 2_000
_ROUNDS: Final = 3
EventKey = tuple[str, str, int]
"""Event id, account id, time in microseconds."""


@dataclass(frozen=True, slots=True)
class Window:
    """since_us <= time < until_us; None: without a bound."""

    since_us: int | None = None
    until_us: int | None = None

    def mask(self, times: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Which of these times lie in it."""
        inside = np.ones(len(times), dtype=np.bool_)
        if self.since_us is not None:
            inside &= times >= self.since_us
        if self.until_us is not None:
            inside &= times < self.until_us
        return inside


@dataclass(slots=True)
class Searched:
    """What was looked at, and the events that each rule or correlation hit, by the name of the pack and its id."""

    events: int = 0
    accounts: set[str] = field(default_factory=set)
    without_text: int = 0
    sample: list[tuple[NormalText, Mapping[str, Any]]] = field(default_factory=list)
    hits: dict[str, dict[str, set[EventKey]]] = field(default_factory=dict)


def search_history(
    lake: Lake,
    keyring: Keyring,
    packs: Mapping[str, RulePack],
    window: Window,
    *,
    clusters: Mapping[str, str],
    progress: ProgressReport,
) -> Searched:
    """Scans every stored text of the window with each pack's rules, then runs its correlations over the hits."""
    sets = {name: RuleSet(pack.rules, pack.correlations) for name, pack in packs.items()}
    wanted = sorted({name for one in sets.values() for name in fields_of(one.correlations)})
    found = Searched()
    raw: dict[str, list[RuleHit]] = defaultdict(list)
    segments = _segments(lake)
    for done, (segment, files, readable) in enumerate(segments):
        events = SegmentEvents([lake.root / file.path for file in files], wanted)
        inside = window.mask(events.table["time_us"].to_numpy())
        found.events += int(inside.sum())
        found.accounts.update(events.table["account_id"].filter(inside).unique().to_pylist())
        if not readable:
            found.without_text += int(inside.sum())
        elif inside.any():
            _scan(lake, keyring, segment, events, inside, sets, wanted, clusters, found, raw)
        progress("history", done + 1, len(segments))
    for name, ruleset in sets.items():
        found.hits[name] = _by_rule(ruleset, raw[name])
    return found


def _scan(
    lake: Lake,
    keyring: Keyring,
    segment: str,
    events: SegmentEvents,
    inside: np.ndarray[Any, Any],
    sets: Mapping[str, RuleSet],
    wanted: Sequence[str],
    clusters: Mapping[str, str],
    found: Searched,
    raw: dict[str, list[RuleHit]],
) -> None:
    tried = {name: one.candidates(events.table) for name, one in sets.items()}
    for index, text in events.with_texts(read_segment(lake, keyring, segment)):
        if not inside[index]:
            continue
        normal, row = NormalText.of(text), events.row(index)
        if len(found.sample) < _SAMPLE:
            found.sample.append((normal, _Columns(row)))
        for name, ruleset in sets.items():
            for hit in ruleset.scan_normal(normal, row, tried[name].get(index, ())):
                event_id, account_id, time_us = events.key(index)
                told = {column: row.get(column) for column in wanted}
                told[ACCOUNT] = account_id
                if account_id in clusters:
                    told[CLUSTER] = clusters[account_id]
                raw[name].append(RuleHit(time_us, event_id, account_id, hit.rule.rule_id, told))


class _Columns(dict[str, Any]):
    """An event's columns, looked up once: what a rule reads of it again costs no more than a look into a dict."""

    def __init__(self, row: EventRow) -> None:
        super().__init__()
        self._row = row

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a column."""
        if name not in self:
            self[name] = self._row.get(name)
        return self[name] if self[name] is not None else default


def _by_rule(ruleset: RuleSet, hits: list[RuleHit]) -> dict[str, set[EventKey]]:
    by_rule: dict[str, set[EventKey]] = defaultdict(set)
    for hit in hits:
        by_rule[hit.rule_id].add((hit.event_id, hit.account_id, hit.time_us))
    for firing in correlate_all(ruleset.correlations, hits):
        by_rule[firing.correlation_id].add((firing.event_id, firing.account_id, firing.time_us))
    return by_rule


def _segments(lake: Lake) -> list[tuple[str, list[LakeFile], bool]]:
    manifest = lake.manifest()
    files: dict[str, list[LakeFile]] = defaultdict(list)
    for file in manifest.tables.get("events", ()):
        files[file.segment].append(file)
    readable = {file.segment for file in manifest.tables.get("texts", ())}
    return [(name, of_segment, name in readable) for name, of_segment in files.items()]


def needed(pack: RulePack, targets: Sequence[str]) -> RulePack:
    """The part of a pack that the targets need: themselves and, for correlations, all that they build on."""
    correlations = {one.rule_id: one for one in pack.correlations}
    wanted, waiting = set(targets), list(targets)
    while waiting:
        one = correlations.get(waiting.pop())
        if one is not None:
            fresh = member_ids([one]) - wanted
            wanted |= fresh
            waiting += fresh
    return RulePack(
        tuple(rule for rule in pack.rules if rule.rule_id in wanted),
        (),
        tuple(one for one in pack.correlations if one.rule_id in wanted),
    )


def scan_microseconds(pack: RulePack, searched: Searched) -> float:
    """What scanning with the rules of a pack costs an event of this history, in microseconds."""
    ruleset = RuleSet(pack.rules)
    if not searched.sample:
        return 0.0
    for text, fields in searched.sample[:1]:
        ruleset.scan_normal(text, fields)  # compiles
    return round(min(_rounds(ruleset, searched)) * 1e6 / len(searched.sample), 3)


def _rounds(ruleset: RuleSet, searched: Searched) -> Iterator[float]:
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for text, fields in searched.sample:
            ruleset.scan_normal(text, fields)
        yield time.perf_counter() - started
