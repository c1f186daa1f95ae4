"""Freshly stored events, as the ingest log's rows, to the detections that a hunt would find in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import pyarrow as pa

from stormwatch.detections.artefacts.artefacts import ArtefactExtractor
from stormwatch.detections.indicators.matching import KEY_COLUMNS, IndicatorMatcher
from stormwatch.detections.rows import DetectionRows
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.scanning import scan_segment
from stormwatch.detections.segment_events import SegmentEvents
from stormwatch.model.event import EventText

_TEXTS: Final = msgspec.msgpack.Decoder(EventText)


class FreshEvents(SegmentEvents):
    """Events with their texts beside them, before a compaction has given them a place in the lake."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table.combine_chunks()

    def with_texts(self, chunks: Iterator[list[EventText]]) -> Iterator[tuple[int, EventText]]:
        """Pairs each event's index with its text; `chunks` is not asked, the rows carry their texts."""
        del chunks
        for index, raw in enumerate(self.table["text"].to_pylist()):
            yield index, _TEXTS.decode(raw)


def detect_fresh(
    table: pa.Table, rules: RuleSet, matcher: IndicatorMatcher, extractor: ArtefactExtractor | None
) -> pa.Table:
    """Detections (columns as in the lake) in rows of LOG_EVENTS. Without an extractor no artefact is looked for."""
    events = FreshEvents(table)
    found, observables = DetectionRows(), None
    if rules.patterns or extractor is not None:
        found, observables = scan_segment(events, iter(()), rules, extractor)
    of_indicators = [matcher.events(events.table, events.table.select(KEY_COLUMNS).take)]
    if observables is not None:
        of_indicators.append(matcher.observables(observables))
    return found.table(*of_indicators)
