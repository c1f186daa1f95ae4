"""Detections over the lake, segment by segment: what is new is scanned, what changed is redone, the rest is kept.

Each file carries as marks what it was made with. A rule that is new or changed is scanned alone over history; a changed
indicator list is matched again through connections and stored artefacts of all segments, no text is opened for it, and
only what came out otherwise is written. The result equals that of a full run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stormwatch.detections.artefacts import EXTRACTOR_VERSION, ArtefactExtractor
from stormwatch.detections.correlating_lake import CORRELATION_LAYERS
from stormwatch.detections.indicator_index import IndicatorIndex
from stormwatch.detections.matching import IndicatorMatcher
from stormwatch.detections.retro_hunt import match_segments, segments_of
from stormwatch.detections.rows import DetectionRows
from stormwatch.detections.ruleset import RuleSet
from stormwatch.detections.scanning import scan_segment
from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.detections.text_features import TextFeatures, features_key, features_version
from stormwatch.model.intel import Indicator
from stormwatch.model.progress import ProgressReport
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange, LakeFile, Manifest
from stormwatch.storage.schemas import DETECTIONS, OBSERVABLES
from stormwatch.storage.texts import read_segment

_LAYER: Final = "layer"
_RULES: Final = "rules"
_INDICATORS: Final = "indicators"
_SIGN_UPS: Final = "sign-ups"
_FEATURES: Final = "features"
_FEATURE_TABLES: Final = ("fingerprints", "request_shapes")
JUDGE_LAYER: Final = {_LAYER: "judge"}  # the marks of the one file that a judge's detections lie in
# What detectors wrote over whole accounts (detectors/run.py), in no segment.
DETECTOR_MARKS: Final = {_LAYER: "detectors"}
_OF_NO_SEGMENT: Final = frozenset({_SIGN_UPS, JUDGE_LAYER[_LAYER], DETECTOR_MARKS[_LAYER], *CORRELATION_LAYERS})
_STEP: Final = "detections"
_INDICATOR_STEP: Final = "indicators"
_SEGMENTS_A_COMMIT: Final = 64


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
class _Segment:
    """One segment: its files of events and texts, and what earlier runs made of it."""

    name: str
    events: tuple[LakeFile, ...]
    has_texts: bool
    rules: LakeFile | None
    indicators: LakeFile | None
    observables: LakeFile | None
    features: tuple[LakeFile, ...]

    @property
    def source(self) -> str:
        """Names the event files; a rewritten segment has another."""
        return ",".join(file.path for file in self.events)


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
) -> DetectReport:
    """Brings the tables `detections`, `observables`, `fingerprints` and `request_shapes` up to date with what is known.

    Commits as it goes, so a run that dies loses little work and no consistency. `full` redoes all.
    """
    run = _Run(lake, keyring, ruleset, IndicatorIndex(indicators), full=full)
    return run.all(progress or (lambda _step, _done, _total: None))


class _Run:
    """One call of `detect`."""

    def __init__(self, lake: Lake, keyring: Keyring, ruleset: RuleSet, index: IndicatorIndex, *, full: bool) -> None:
        self.lake = lake
        self.keyring = keyring
        self.ruleset = ruleset
        self.index = index
        self.matcher = IndicatorMatcher(index)
        self.full = full
        self.extractor: ArtefactExtractor | None = None
        self.report = DetectReport()
        self.changed: set[str] = set()

    def all(self, progress: ProgressReport) -> DetectReport:
        """Every segment, then the sign-ups, then what belongs to no segment any more."""
        manifest = self.lake.manifest()
        segments = _segments(manifest)
        total = sum(file.rows for segment in segments for file in segment.events)
        done = 0
        for segment in segments:
            self.segment(segment)
            done += sum(file.rows for file in segment.events)
            progress(_STEP, done, total)
        self.indicators(progress)
        self.sign_ups(manifest)
        self.drop_orphans(manifest, {segment.name for segment in segments})
        return replace(self.report, segments_changed=len(self.changed))

    def segment(self, segment: _Segment) -> None:
        """Redoes what is out of date in one segment."""
        kept = self._kept_versions(segment)
        missing = self.ruleset.versions - kept
        rules_stale = segment.rules is None or self.full or set(_versions(segment.rules)) != self.ruleset.versions
        artefacts_stale = not self._current(segment.observables, extractor=EXTRACTOR_VERSION, source=segment.source)
        features_stale = not self._features_current(segment)
        if not segment.has_texts:  # erased or expired: what was found stays, nothing new can be
            missing, artefacts_stale = frozenset(), segment.observables is None
            features_stale = False
            rules_stale = segment.rules is None or not self.ruleset.versions.issuperset(_versions(segment.rules))
        if not (missing or rules_stale or artefacts_stale or features_stale):
            return
        events = SegmentEvents([self.lake.root / file.path for file in segment.events])
        add: dict[str, list[LakeFile]] = {"detections": [], "observables": []}
        old: list[LakeFile | None] = []
        features = TextFeatures(features_key(self.keyring)) if features_stale else None
        found, observables = self._scan(segment, events, missing, features, artefacts=artefacts_stale)
        if rules_stale or missing:
            add["detections"].append(self._write_rules(segment, found, kept))
            old.append(segment.rules)
        if observables is not None:
            add["observables"].append(self._write_observables(segment, observables))
            old.append(segment.observables)
        if features is not None:
            add |= self._write_features(segment, features.tables(events))
            old.extend(segment.features)
        self.lake.commit(LakeChange(add=add, drop=frozenset(file.path for file in old if file is not None)))
        self.changed.add(segment.name)

    def indicators(self, progress: ProgressReport) -> None:
        """Matches the indicators through every segment for which that was not done with this list."""
        manifest = self.lake.manifest()
        stale = {one.name: one for one in _segments(manifest) if not self._current(one.indicators, **self._marks(one))}
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
        old = [file for file in manifest.tables.get("detections", ()) if file.marks.get(_LAYER) == _SIGN_UPS]
        marks = {_LAYER: _SIGN_UPS, "source": records, _INDICATORS: self.index.version}
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
            for table in ("detections", "observables", *_FEATURE_TABLES)
            for file in manifest.tables.get(table, ())
            if file.marks.get(_LAYER) not in _OF_NO_SEGMENT and file.segment not in live
        )
        if gone:
            self.lake.commit(LakeChange(drop=gone))

    def _kept_versions(self, segment: _Segment) -> frozenset[str]:
        """The rules whose earlier hits in this segment still hold."""
        if segment.rules is None or (self.full and segment.has_texts):
            return frozenset()
        same_events = segment.rules.marks.get("source") == segment.source or not segment.has_texts
        return frozenset(_versions(segment.rules)) & self.ruleset.versions if same_events else frozenset()

    def _current(self, file: LakeFile | None, **marks: str) -> bool:
        return file is not None and not self.full and all(file.marks.get(name) == mark for name, mark in marks.items())

    def _features_current(self, segment: _Segment) -> bool:
        marks = {"source": segment.source, _FEATURES: features_version()}
        made = {file.path.partition("/")[0] for file in segment.features if self._current(file, **marks)}
        return made == set(_FEATURE_TABLES)

    def _scan(
        self,
        segment: _Segment,
        events: SegmentEvents,
        missing: frozenset[str],
        features: TextFeatures | None,
        *,
        artefacts: bool,
    ) -> tuple[DetectionRows, pa.Table | None]:
        if not segment.has_texts or not (missing or artefacts or features):
            return DetectionRows(), OBSERVABLES.empty_table() if artefacts else None
        if artefacts and self.extractor is None:
            self.extractor = ArtefactExtractor()
        rules = self.ruleset if missing == self.ruleset.versions else self.ruleset.subset(missing)
        chunks = read_segment(self.lake, self.keyring, segment.name)
        self._count(events_scanned=len(events))
        return scan_segment(events, chunks, rules, self.extractor if artefacts else None, features)

    def _write_rules(self, segment: _Segment, found: DetectionRows, kept: frozenset[str]) -> LakeFile:
        before = self._read(segment.rules, DETECTIONS)
        before = before.filter(pc.is_in(before["rule_version"], value_set=pa.array(sorted(kept), pa.string())))
        rows = found.table(before)
        self._count(rule_hits=rows.num_rows - before.num_rows)
        # Where texts are gone, the rules that could still look are those that had looked.
        looked = self.ruleset.versions if segment.has_texts else kept
        marks = {_LAYER: _RULES, "source": segment.source, _RULES: ",".join(sorted(looked))}
        return self.lake.write("detections", rows, segment=segment.name, marks=marks)

    def _write_observables(self, segment: _Segment, rows: pa.Table) -> LakeFile:
        self._count(observables=rows.num_rows)
        marks = {"source": segment.source, "extractor": EXTRACTOR_VERSION}
        return self.lake.write("observables", rows, segment=segment.name, marks=marks)

    def _marks(self, segment: _Segment) -> Mapping[str, str]:
        """What the matches of a segment depend on."""
        artefacts = segment.observables.path if segment.observables is not None else ""
        return {"source": segment.source, _INDICATORS: self.index.version, "artefacts": artefacts}

    def _written(self, segment: _Segment, rows: pa.Table) -> LakeFile:
        """The file of these rows: the one there is, under new marks, where it holds just them."""
        marks = {_LAYER: _INDICATORS, **self._marks(segment)}
        before = segment.indicators
        if before is not None and before.rows == rows.num_rows and self._read(before, DETECTIONS).equals(rows):
            return LakeFile(before.path, before.rows, before.segment, marks)
        return self.lake.write("detections", rows, segment=segment.name, marks=marks)

    def _write_features(self, segment: _Segment, tables: Sequence[pa.Table]) -> dict[str, list[LakeFile]]:
        marks = {"source": segment.source, _FEATURES: features_version()}
        return {
            name: [self.lake.write(name, rows, segment=segment.name, marks=marks)]
            for name, rows in zip(_FEATURE_TABLES, tables, strict=True)
        }

    def _read(self, file: LakeFile | None, schema: pa.Schema) -> pa.Table:
        if file is None:
            return schema.empty_table()
        return pq.read_table(self.lake.root / file.path, partitioning=None).cast(schema)

    def _count(self, **more: int) -> None:
        self.report = replace(self.report, **{name: getattr(self.report, name) + n for name, n in more.items()})


def _versions(file: LakeFile) -> list[str]:
    return [version for version in file.marks.get(_RULES, "").split(",") if version]


def _segments(manifest: Manifest) -> list[_Segment]:
    events: dict[str, list[LakeFile]] = {}
    for file in manifest.tables.get("events", ()):
        events.setdefault(file.segment, []).append(file)
    with_texts = {file.segment for file in manifest.tables.get("texts", ())}
    layers = {
        (file.segment, file.marks.get(_LAYER)): file
        for file in manifest.tables.get("detections", ())
        if file.marks.get(_LAYER) in (_RULES, _INDICATORS)
    }
    observables = {file.segment: file for file in manifest.tables.get("observables", ())}
    features: dict[str, list[LakeFile]] = {}
    for file in (file for table in _FEATURE_TABLES for file in manifest.tables.get(table, ())):
        features.setdefault(file.segment, []).append(file)
    return [
        _Segment(
            name=name,
            events=tuple(files),
            has_texts=name in with_texts,
            rules=layers.get((name, _RULES)),
            indicators=layers.get((name, _INDICATORS)),
            observables=observables.get(name),
            features=tuple(features.get(name, ())),
        )
        for name, files in events.items()
    ]
