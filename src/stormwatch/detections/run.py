"""Detections over the lake, segment by segment: what is new is scanned, what changed is redone, the rest is kept.

Each file carries as marks what it was made with. A rule that is new or changed is scanned alone over history; a changed
indicator list is matched again through connections and stored artefacts of all segments, no text is opened for it, and
only what came out otherwise is written. The result equals that of a full run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stormwatch.detections.artefacts.artefacts import EXTRACTOR_VERSION
from stormwatch.detections.correlations.correlating_lake import CORRELATION_LAYERS
from stormwatch.detections.fingerprints.text_features import features_version
from stormwatch.detections.indicators.indicator_index import IndicatorIndex
from stormwatch.detections.indicators.matching import IndicatorMatcher
from stormwatch.detections.indicators.retro_hunt import match_segments, segments_of
from stormwatch.detections.rows import sort_detections
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.segment_scanner import ScanResult, ScanTask, SegmentScanner, scanner_of
from stormwatch.detections.segment_state import (
    FEATURE_TABLES,
    INDICATORS_LAYER,
    LAYER,
    RULES_LAYER,
    SegmentState,
    rule_versions_of,
    segment_states,
)
from stormwatch.model.intel import Indicator
from stormwatch.model.progress import ProgressReport
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange, LakeFile, Manifest
from stormwatch.storage.schemas import DETECTIONS
from stormwatch.storage.worker_processes import ordered_map

_SIGN_UPS: Final = "sign-ups"
_FEATURES: Final = "features"
JUDGE_LAYER: Final = {LAYER: "judge"}  # the marks of the one file that a judge's detections lie in
# What detectors wrote over whole accounts (detectors/run.py), in no segment.
DETECTOR_MARKS: Final = {LAYER: "detectors"}
_OF_NO_SEGMENT: Final = frozenset({_SIGN_UPS, JUDGE_LAYER[LAYER], DETECTOR_MARKS[LAYER], *CORRELATION_LAYERS})
_STEP: Final = "detections"
_INDICATOR_STEP: Final = "indicators"
_SEGMENTS_A_COMMIT: Final = 64
_WORTH_PROCESSES: Final = 100_000  # events: below, starting processes takes longer than scanning


@dataclass(frozen=True, slots=True)
class DetectReport:
    """What one run did: events whose text was opened, and rows written by kind (not those kept from before)."""

    events_scanned: int = 0
    segments_changed: int = 0
    rule_hits: int = 0
    observables: int = 0
    indicator_hits: int = 0
    sign_up_hits: int = 0


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is out of date in a segment, and the rules whose earlier hits still hold."""

    segment: SegmentState
    task: ScanTask
    kept: frozenset[str]
    rules: bool


@dataclass(slots=True)
class _Changes:
    """Files of matches that wait for the next commit."""

    add: list[LakeFile] = field(default_factory=list)
    drop: set[str] = field(default_factory=set)

    def commit(self, lake: Lake) -> None:
        """Makes them visible at once."""
        if self.add:
            lake.commit(LakeChange(add={"detections": self.add}, drop=frozenset(self.drop)))
        self.add, self.drop = [], set()


def detect(
    lake: Lake,
    keyring: Keyring,
    ruleset: RuleSet,
    indicators: Sequence[Indicator],
    *,
    full: bool = False,
    progress: ProgressReport | None = None,
    processes: int = 1,
) -> DetectReport:
    """Brings the tables `detections`, `observables`, `fingerprints` and `request_shapes` up to date with what is known.

    Commits as it goes, so a run that dies loses little work and no consistency. `full` redoes all. Much work is shared
    out among `processes`; the result is the same.
    """
    run = _Run(lake, keyring, ruleset, IndicatorIndex(indicators), full=full, processes=processes)
    return run.all(progress or (lambda _step, _done, _total: None))


class _Run:
    """One call of `detect`."""

    def __init__(
        self, lake: Lake, keyring: Keyring, ruleset: RuleSet, index: IndicatorIndex, *, full: bool, processes: int
    ) -> None:
        self.lake = lake
        self.keyring = keyring
        self.ruleset = ruleset
        self.index = index
        self.matcher = IndicatorMatcher(index)
        self.full = full
        self.processes = processes
        self.report = DetectReport()
        self.changed: set[str] = set()

    def all(self, progress: ProgressReport) -> DetectReport:
        """Every segment, then the sign-ups, then what belongs to no segment any more."""
        manifest = self.lake.manifest()
        segments = segment_states(manifest)
        plans = [plan for plan in map(self.plan, segments) if plan is not None]
        total = sum(plan.segment.rows for plan in plans)
        done = 0
        for plan, result in zip(plans, self.scanned(plans, total), strict=True):
            self.write(plan, result)
            done += plan.segment.rows
            progress(_STEP, done, total)
        self.indicators(progress)
        self.sign_ups(manifest)
        self.drop_orphans(manifest, {segment.name for segment in segments})
        return replace(self.report, segments_changed=len(self.changed))

    def plan(self, segment: SegmentState) -> _Plan | None:
        """What is out of date in one segment; None when nothing is."""
        kept = self._kept_versions(segment)
        missing = self.ruleset.versions - kept
        rules_stale = (
            segment.rules is None or self.full or set(rule_versions_of(segment.rules)) != self.ruleset.versions
        )
        artefacts_stale = not self._current(segment.observables, extractor=EXTRACTOR_VERSION, source=segment.source)
        features_stale = not self._features_current(segment)
        if not segment.has_texts:  # erased or expired: what was found stays, nothing new can be
            missing, artefacts_stale = frozenset(), segment.observables is None
            features_stale = False
            rules_stale = segment.rules is None or not self.ruleset.versions.issuperset(rule_versions_of(segment.rules))
        if not (missing or rules_stale or artefacts_stale or features_stale):
            return None
        paths = tuple(self.lake.root / file.path for file in segment.events)
        task = ScanTask(segment.name, paths, segment.has_texts, missing, artefacts_stale, features_stale)
        return _Plan(segment, task, kept, rules=bool(rules_stale or missing))

    def scanned(self, plans: Sequence[_Plan], events: int) -> Iterator[ScanResult]:
        """What was found, in the order of the plans."""
        tasks = (plan.task for plan in plans)
        if self.processes < 2 or events < _WORTH_PROCESSES:
            return map(SegmentScanner(self.lake, self.keyring, self.ruleset).scan, tasks)
        make = partial(scanner_of, self.lake.root, self.keyring, self.ruleset.rules, self.ruleset.kept_in)
        return ordered_map(make, tasks, self.processes)

    def write(self, plan: _Plan, result: ScanResult) -> None:
        """Commits what was found in one segment."""
        segment = plan.segment
        add: dict[str, list[LakeFile]] = {"detections": [], "observables": []}
        old: list[LakeFile | None] = []
        self._count(events_scanned=result.events_scanned)
        if plan.rules:
            add["detections"].append(self._write_rules(segment, result.detections, plan.kept))
            old.append(segment.rules)
        if result.observables is not None:
            add["observables"].append(self._write_observables(segment, result.observables))
            old.append(segment.observables)
        if result.features is not None:
            add |= self._write_features(segment, result.features)
            old.extend(segment.features)
        self.lake.commit(LakeChange(add=add, drop=frozenset(file.path for file in old if file is not None)))
        self.changed.add(segment.name)

    def indicators(self, progress: ProgressReport) -> None:
        """Matches the indicators through every segment for which that was not done with this list."""
        manifest = self.lake.manifest()
        stale = {
            one.name: one for one in segment_states(manifest) if not self._current(one.indicators, **self._marks(one))
        }
        files = [one for one in segments_of(self.lake, manifest) if one.name in stale]
        total, done = sum(one.rows for one in files), 0
        changes = _Changes()
        # The files are written where they are made, so that one segment's waiting for the disk is another's time.
        matched = match_segments(self.matcher, files, lambda one, rows: self._written(stale[one.name], rows))
        for files_of_one, file in matched:
            before = stale[files_of_one.name].indicators
            if before is None or before.path != file.path:
                self._count(indicator_hits=file.rows)
                self.changed.add(files_of_one.name)
            changes.add.append(file)
            changes.drop |= {before.path} if before is not None else set()
            done += files_of_one.rows
            progress(_INDICATOR_STEP, done, total)
            if len(changes.add) >= _SEGMENTS_A_COMMIT:
                changes.commit(self.lake)
        changes.commit(self.lake)

    def sign_ups(self, manifest: Manifest) -> None:
        """Matches account records again when they or the indicators changed."""
        records = ",".join(file.path for file in manifest.tables.get("account_records", ()))
        old = [file for file in manifest.tables.get("detections", ()) if file.marks.get(LAYER) == _SIGN_UPS]
        marks = {LAYER: _SIGN_UPS, "source": records, INDICATORS_LAYER: self.index.version}
        if (not records and not old) or (len(old) == 1 and self._current(old[0], **marks)):
            return
        rows = self.matcher.sign_ups(self.lake.read("account_records"))
        self._count(sign_up_hits=rows.num_rows)
        file = self.lake.write("detections", rows, segment="", marks=marks)
        self.lake.commit(LakeChange(add={"detections": [file]}, drop=frozenset(file.path for file in old)))

    def drop_orphans(self, manifest: Manifest, live: set[str]) -> None:
        """Forgets what was found in segments that are gone."""
        gone = frozenset(
            file.path
            for table in ("detections", "observables", *FEATURE_TABLES)
            for file in manifest.tables.get(table, ())
            if file.marks.get(LAYER) not in _OF_NO_SEGMENT and file.segment not in live
        )
        if gone:
            self.lake.commit(LakeChange(drop=gone))

    def _kept_versions(self, segment: SegmentState) -> frozenset[str]:
        """The rules whose earlier hits in this segment still hold."""
        if segment.rules is None or (self.full and segment.has_texts):
            return frozenset()
        same_events = segment.rules.marks.get("source") == segment.source or not segment.has_texts
        return frozenset(rule_versions_of(segment.rules)) & self.ruleset.versions if same_events else frozenset()

    def _current(self, file: LakeFile | None, **marks: str) -> bool:
        return file is not None and not self.full and all(file.marks.get(name) == mark for name, mark in marks.items())

    def _features_current(self, segment: SegmentState) -> bool:
        marks = {"source": segment.source, _FEATURES: features_version()}
        made = {file.path.partition("/")[0] for file in segment.features if self._current(file, **marks)}
        return made == set(FEATURE_TABLES)

    def _write_rules(self, segment: SegmentState, found: pa.Table, kept: frozenset[str]) -> LakeFile:
        before = self._read(segment.rules, DETECTIONS)
        before = before.filter(pc.is_in(before["rule_version"], value_set=pa.array(sorted(kept), pa.string())))
        rows = sort_detections(pa.concat_tables([found, before]))
        self._count(rule_hits=rows.num_rows - before.num_rows)
        # Where texts are gone, the rules that could still look are those that had looked.
        looked = self.ruleset.versions if segment.has_texts else kept
        marks = {LAYER: RULES_LAYER, "source": segment.source, RULES_LAYER: ",".join(sorted(looked))}
        return self.lake.write("detections", rows, segment=segment.name, marks=marks)

    def _write_observables(self, segment: SegmentState, rows: pa.Table) -> LakeFile:
        self._count(observables=rows.num_rows)
        marks = {"source": segment.source, "extractor": EXTRACTOR_VERSION}
        return self.lake.write("observables", rows, segment=segment.name, marks=marks)

    def _marks(self, segment: SegmentState) -> Mapping[str, str]:
        """What the matches of a segment depend on."""
        artefacts = segment.observables.path if segment.observables is not None else ""
        return {"source": segment.source, INDICATORS_LAYER: self.index.version, "artefacts": artefacts}

    def _written(self, segment: SegmentState, rows: pa.Table) -> LakeFile:
        """The file of these rows: the one there is, under new marks, where it holds just them."""
        marks = {LAYER: INDICATORS_LAYER, **self._marks(segment)}
        before = segment.indicators
        if before is not None and before.rows == rows.num_rows and self._read(before, DETECTIONS).equals(rows):
            return LakeFile(before.path, before.rows, before.segment, marks)
        return self.lake.write("detections", rows, segment=segment.name, marks=marks)

    def _write_features(self, segment: SegmentState, tables: Sequence[pa.Table]) -> dict[str, list[LakeFile]]:
        marks = {"source": segment.source, _FEATURES: features_version()}
        return {
            name: [self.lake.write(name, rows, segment=segment.name, marks=marks)]
            for name, rows in zip(FEATURE_TABLES, tables, strict=True)
        }

    def _read(self, file: LakeFile | None, schema: pa.Schema) -> pa.Table:
        if file is None:
            return schema.empty_table()
        return pq.read_table(self.lake.root / file.path, partitioning=None).cast(schema)

    def _count(self, **more: int) -> None:
        self.report = replace(self.report, **{name: getattr(self.report, name) + n for name, n in more.items()})
