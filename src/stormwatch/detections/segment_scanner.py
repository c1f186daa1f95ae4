"""What is to be looked for in one segment to what was found there; also in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.fingerprints.text_features import TextFeatures, features_key
from stormwatch.detections.rulebook.rules import load_pack
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.scanning import scan_segment
from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.detections.sigma.rule import Rule
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import DETECTIONS, OBSERVABLES
from stormwatch.storage.texts import read_segment


@dataclass(frozen=True, slots=True)
class ScanTask:
    """One segment and what is missing of it: rules by version, artefacts, features. Without texts nothing is found."""

    segment: str
    events: tuple[Path, ...]
    has_texts: bool
    rule_versions: frozenset[str]
    artefacts: bool
    features: bool


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Rows of `detections`, of `observables`, and of the tables of features; None for what was not asked."""

    detections: pa.Table
    observables: pa.Table | None
    features: tuple[pa.Table, pa.Table] | None
    events_scanned: int = 0


class SegmentScanner:
    """Scans segments of one lake; rules and extractor are made once."""

    def __init__(self, lake: Lake, keyring: Keyring, ruleset: RuleSet) -> None:
        self._lake = lake
        self._keyring = keyring
        self._ruleset = ruleset
        self._extractor: ArtefactExtractor | None = None

    def scan(self, task: ScanTask) -> ScanResult:
        """Opens each text of the segment once."""
        events = SegmentEvents(task.events)
        features = TextFeatures(features_key(self._keyring)) if task.features else None
        if not task.has_texts or not (task.rule_versions or task.artefacts or features):
            observables = OBSERVABLES.empty_table() if task.artefacts else None
            return ScanResult(DETECTIONS.empty_table(), observables, features.tables(events) if features else None)
        if task.artefacts and self._extractor is None:
            self._extractor = ArtefactExtractor()
        missing = task.rule_versions
        rules = self._ruleset if missing == self._ruleset.versions else self._ruleset.subset(missing)
        chunks = read_segment(self._lake, self._keyring, task.segment)
        extractor = self._extractor if task.artefacts else None
        found, observables = scan_segment(events, chunks, rules, extractor, features)
        return ScanResult(
            found.table(), observables, features.tables(events) if features else None, events_scanned=len(events)
        )


def scanner_of(
    lake_root: Path, keyring: Keyring, rules: Sequence[Rule], kept_in: Path | None
) -> Callable[[ScanTask], ScanResult]:
    """What scans in a process of its own. Rules are sent as they were read: to read their files takes seconds."""
    return SegmentScanner(Lake(lake_root), keyring, RuleSet(rules, kept_in=kept_in)).scan


def load_ruleset(folders: Sequence[Path], kept_in: Path | None) -> RuleSet:
    """The rules and correlations below the folders; `kept_in` is where their compiled form is kept."""
    pack = load_pack(folders)
    return RuleSet(pack.rules, pack.correlations, kept_in=kept_in)
