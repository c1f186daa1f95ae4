"""One pass over a segment's texts: rule hits as detections, artefacts as observables, and features of the texts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import pyarrow as pa

from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.fingerprints.text_features import TextFeatures
from stormwatch.detections.rows import DetectionRows, ObservableRows
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.detections.sigma.rule import Rule
from stormwatch.detections.text.normalise import NormalText
from stormwatch.model.detection import DetectionKind
from stormwatch.model.event import EventText

# Step by step over some texts: a step's code stays in the processor's cache, which takes an eighth off the time of a
# scan. With more at once the texts no longer do, and memory grows.
_AT_ONCE: Final = 128


def scan_segment(
    events: SegmentEvents,
    chunks: Iterator[list[EventText]],
    ruleset: RuleSet,
    extractor: ArtefactExtractor | None,
    features: TextFeatures | None = None,
) -> tuple[DetectionRows, pa.Table | None]:
    """The rule hits of a segment and, with an extractor, its artefacts; every text is opened once.

    `features`, where given, is shown every text as well.
    """
    detections, observables = DetectionRows(), ObservableRows()
    candidates = ruleset.candidates(events.table)
    texts = events.with_texts(chunks)
    while some := list(islice(texts, _AT_ONCE)):
        read = [(index, text, NormalText.of(text)) for index, text in some]
        for index, _, normal in read:
            for hit in ruleset.scan_normal(normal, events.row(index), candidates.get(index, ())):
                _add(detections, hit.rule, events.key(index))
        if features is not None:
            for index, text, normal in read:
                features.add(index, text, normal)
        if extractor is not None:
            for index, _, normal in read:
                for artefact in extractor.extract(normal):
                    observables.add(artefact.observable, artefact.field, events.key(index))
    return detections, observables.table() if extractor is not None else None


def _add(detections: DetectionRows, rule: Rule, key: tuple[str, str, int]) -> None:
    event_id, account_id, time_us = key
    detections.add(
        event_id=event_id,
        account_id=account_id,
        time_us=time_us,
        rule_id=rule.rule_id,
        rule_version=rule.rule_version,
        kind=DetectionKind.RULE.value,
        techniques=list(rule.techniques),
        score=rule.score,
        shadow=rule.shadow,
        topic=rule.topic,
    )
