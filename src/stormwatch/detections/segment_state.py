"""A manifest to the segments it names: their events and texts, and what earlier runs made of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stormwatch.storage.lake import LakeFile, Manifest

LAYER: Final = "layer"
RULES_LAYER: Final = "rules"
INDICATORS_LAYER: Final = "indicators"
FEATURE_TABLES: Final = ("fingerprints", "request_shapes")


@dataclass(frozen=True, slots=True)
class SegmentState:
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

    @property
    def rows(self) -> int:
        """How many events it holds."""
        return sum(file.rows for file in self.events)


def segment_states(manifest: Manifest) -> list[SegmentState]:
    """Every segment that has events, in the order in which they came."""
    events: dict[str, list[LakeFile]] = {}
    for file in manifest.tables.get("events", ()):
        events.setdefault(file.segment, []).append(file)
    with_texts = {file.segment for file in manifest.tables.get("texts", ())}
    layers = {
        (file.segment, file.marks.get(LAYER)): file
        for file in manifest.tables.get("detections", ())
        if file.marks.get(LAYER) in (RULES_LAYER, INDICATORS_LAYER)
    }
    observables = {file.segment: file for file in manifest.tables.get("observables", ())}
    features: dict[str, list[LakeFile]] = {}
    for file in (file for table in FEATURE_TABLES for file in manifest.tables.get(table, ())):
        features.setdefault(file.segment, []).append(file)
    return [
        SegmentState(
            name=name,
            events=tuple(files),
            has_texts=name in with_texts,
            rules=layers.get((name, RULES_LAYER)),
            indicators=layers.get((name, INDICATORS_LAYER)),
            observables=observables.get(name),
            features=tuple(features.get(name, ())),
        )
        for name, files in events.items()
    ]


def rule_versions_of(file: LakeFile) -> list[str]:
    """The rules, by version, that have looked at what a file of rule hits is about."""
    return [version for version in file.marks.get(RULES_LAYER, "").split(",") if version]
