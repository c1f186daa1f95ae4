"""What fresh events are held against: rules, indicators, suspended accounts; read anew when one of them changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa
from sqlalchemy import select

from stormwatch.config import Settings
from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.correlations.correlation import Correlation, member_ids
from stormwatch.detections.fresh_events import detect_fresh
from stormwatch.detections.indicators.indicator_index import IndicatorIndex
from stormwatch.detections.indicators.matching import IndicatorMatcher
from stormwatch.detections.rulebook.rules import load_pack, rule_files
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.hunt.alerts.policy import AlertPolicy, load_policy
from stormwatch.hunt.alerts.sightings import Causes, Sighting, sightings_of
from stormwatch.hunt.alerts.still_asking import still_asking, suspended_since
from stormwatch.hunt.correlation_watch import CorrelationWatch
from stormwatch.hunt.knowledge import rule_folders
from stormwatch.hunt.shared_lookup import SharedLookup
from stormwatch.intel.indicators import load_indicators
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.intel import indicators, shared_lists


class StreamDetector(Protocol):
    """Something that keeps state over events, such as correlations: fed with each batch, it says what fired."""

    def feed(self, events: pa.Table, detections: pa.Table) -> pa.Table:
        """Detections (columns as in the lake) that fire with these events and the detections found in them."""
        ...


@dataclass(frozen=True, slots=True)
class Watchlist:
    """One state of what is looked for; it is replaced as a whole, never changed."""

    rules: RuleSet
    matcher: IndicatorMatcher
    causes: Causes
    suspended: Mapping[str, int]
    extractor: ArtefactExtractor | None
    detectors: Sequence[StreamDetector] = ()

    def look(self, events: pa.Table) -> list[Sighting]:
        """What deserves an alert in fresh events (rows of LOG_EVENTS)."""
        found = detect_fresh(events, self.rules, self.matcher, self.extractor)
        fired = [detector.feed(events, found) for detector in self.detectors]
        detections = pa.concat_tables([found, *fired]) if fired else found
        return [
            *sightings_of(detections, self.causes),
            *still_asking(events, self.suspended, self.causes.policy),
        ]


_REST: Final = 19
_Files = tuple[tuple[str, int, int], ...]


class WatchlistReader:
    """Reads a watchlist, and afterwards only what changed of it: a check costs little, so it can come every second."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._lake = Lake(settings.home / "lake")
        self._extractor: Final = ArtefactExtractor()
        self._files: _Files | None = None
        self._intel: int | None = None
        self._intel_due = 0.0
        self._rules = RuleSet([])
        self._correlations: Sequence[Correlation] = ()
        self._policy: AlertPolicy | None = None
        self._watchlist: Watchlist | None = None

    def read(self) -> Watchlist:
        """The present state; InvalidInput when a rule or the policy cannot be used."""
        suspended = suspended_since(self._database)
        changed = self._read_rules()
        intel = self._intel_version() if time.monotonic() >= self._intel_due else self._intel
        known = self._watchlist
        if known is not None and not changed and intel == self._intel:
            if suspended != known.suspended:
                known = Watchlist(known.rules, known.matcher, known.causes, suspended, known.extractor, known.detectors)
                self._watchlist = known
            return known
        self._watchlist = self._build(suspended)
        self._intel = intel
        return self._watchlist

    def _build(self, suspended: Mapping[str, int]) -> Watchlist:
        assert self._policy is not None
        found = load_indicators(self._database)
        shared = SharedLookup(SharedInfrastructure.load(self._database))
        by_id = {indicator.indicator_id: indicator for indicator in found}
        return Watchlist(
            rules=self._rules,
            matcher=IndicatorMatcher(IndicatorIndex(found)),
            causes=Causes(self._policy, self._rules.rules, by_id, shared.of_observable, self._correlations),
            suspended=suspended,
            # Artefacts without an indicator to match are left to the hunt.
            extractor=self._extractor if found else None,
            detectors=(CorrelationWatch(self._correlations, self._lake),) if self._correlations else (),
        )

    def _read_rules(self) -> bool:
        """Whether rules or policy were read anew."""
        folders = rule_folders(self._settings)
        own = self._settings.alert_policy
        files = _signature([*rule_files(folders), *([own] if own is not None else [])])
        if files == self._files:
            return False
        policy = load_policy(own)
        pack = load_pack(folders)
        loaded = RuleSet(pack.rules, pack.correlations, kept_in=self._settings.compiled_rules_folder)
        loud = frozenset(Causes(policy, pack.rules, {}, correlations=pack.correlations).loud_rules)
        self._correlations = [one for one in pack.correlations if _is_heard(one, pack.correlations, loud)]
        steps = member_ids(self._correlations)
        steps_too = frozenset(rule.rule_version for rule in pack.rules if rule.rule_id in steps)
        self._policy = policy
        self._rules = loaded.subset(loud | steps_too)
        self._files = files
        return True

    def _intel_version(self) -> int:
        """A value that changes with the indicators and lists; asked so rarely that it takes a twentieth at most."""
        begun = time.monotonic()
        columns = indicators.c
        of_indicators = select(
            columns.indicator_id,
            columns.value,
            columns.valid_from_us,
            columns.valid_until_us,
            columns.confidence,
            columns.lead_id,
        )
        of_lists = select(shared_lists.c.name, shared_lists.c.version)
        with self._database.read() as connection:
            rows = [frozenset(map(tuple, connection.execute(query))) for query in (of_indicators, of_lists)]
        found = hash(tuple(rows))
        ended = time.monotonic()
        self._intel_due = ended + _REST * (ended - begun)
        return found


def _is_heard(one: Correlation, correlations: Sequence[Correlation], loud: Set[str]) -> bool:
    """Whether it speaks up itself, or another that does builds on it."""
    above = [other for other in correlations if one.rule_id in member_ids([other])]
    return one.rule_version in loud or any(_is_heard(other, correlations, loud) for other in above)


def _signature(files: Sequence[Path]) -> _Files:
    found = []
    for path in files:
        try:
            known = path.stat()
        except OSError:
            continue  # it went between the listing and now; the next look sees the same folder without it
        found.append((str(path), known.st_mtime_ns, known.st_size))
    return tuple(found)
