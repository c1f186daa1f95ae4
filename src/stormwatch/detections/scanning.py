"""One pass over a segment's texts: rule hits as detections, artefacts as observables, and features of the texts."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.fingerprints.text_features import TextFeatures
from stormwatch.detections.rows import DetectionRows, ObservableRows
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.detections.text.normalise import NormalText
from stormwatch.model.detection import DetectionKind
from stormwatch.model.event import EventText


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
    for index, text in events.with_texts(chunks):
        normal = NormalText.of(text)
        for hit in ruleset.scan_normal(normal, events.row(index), candidates.get(index, ())):
            event_id, account_id, time_us = events.key(index)
            detections.add(
                event_id=event_id,
                account_id=account_id,
                time_us=time_us,
                rule_id=hit.rule.rule_id,
                rule_version=hit.rule.rule_version,
                kind=DetectionKind.RULE.value,
                techniques=list(hit.rule.techniques),
                score=hit.rule.score,
                shadow=hit.rule.shadow,
                topic=hit.rule.topic,
            )
        if features is not None:
            features.add(index, text, normal)
        if extractor is not None:
            artefacts = extractor.extract(normal)
            key = events.key(index) if artefacts else None
            for artefact in artefacts:
                assert key is not None
                observables.add(artefact.observable, artefact.field, key)
    return detections, observables.table() if extractor is not None else None
