"""Fresh events and what was found in them to firings of correlations, as the hunt would find them later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.detections.correlations.correlating_lake import firing_row, hits_of_lake
from stormwatch.detections.correlations.correlation import ACCOUNT, Correlation, RuleHit, fields_of
from stormwatch.detections.correlations.correlation_stream import CorrelationStream
from stormwatch.detections.indicators.matching import KEY_COLUMNS
from stormwatch.detections.rows import DetectionRows
from stormwatch.events.segments import latest_event_us
from stormwatch.model.times import now_us
from stormwatch.storage.lake import Lake


class CorrelationWatch:
    """Correlations over the stream; their state begins with what the lake holds. Those by cluster wait for the hunt.

    A firing that a late event undoes was told all the same: the hunt counts exactly.
    """

    def __init__(self, correlations: Sequence[Correlation], lake: Lake) -> None:
        self._stream: Final = CorrelationStream(correlations)
        self._by_id: Final = {one.rule_id: one for one in correlations}
        self._wanted: Final = pa.array(sorted(self._stream.rule_ids), pa.string())
        self._columns: Final = sorted(fields_of(correlations) - {ACCOUNT, *KEY_COLUMNS})
        since_us = latest_event_us(lake) - self._stream.reach_us
        self._stream.feed(hits_of_lake(lake, correlations, since_us=since_us), now_us=now_us())

    def feed(self, events: pa.Table, detections: pa.Table) -> pa.Table:
        """Detections (columns as in the lake) that fire with these events (rows of LOG_EVENTS) and their detections."""
        fired = self._stream.feed(self._hits(events, detections), now_us=now_us()).fired
        rows = DetectionRows()
        for firing in fired:
            rows.add(**firing_row(firing, self._by_id[firing.correlation_id]))
        return rows.table()

    def _hits(self, events: pa.Table, detections: pa.Table) -> Iterator[RuleHit]:
        found = detections.filter(pc.is_in(detections["rule_id"], value_set=self._wanted))
        if not found.num_rows:
            return
        hit = events.filter(pc.is_in(events["event_id"], value_set=pc.unique(found["event_id"])))
        rows = hit.select([*KEY_COLUMNS, *self._columns]).to_pylist()
        fields = {tuple(row[name] for name in KEY_COLUMNS): row for row in rows}
        for row in found.select([*KEY_COLUMNS, "rule_id"]).to_pylist():
            event: dict[str, Any] = fields[tuple(row[name] for name in KEY_COLUMNS)]
            told = {name: event[name] for name in self._columns} | {ACCOUNT: row["account_id"]}
            yield RuleHit(row["time_us"], row["event_id"], row["account_id"], row["rule_id"], told)
