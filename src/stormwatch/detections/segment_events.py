"""The events of one segment beside their texts: columns read once, single values only where something fired."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stormwatch.detections.sigma.event_fields import EVENT_FIELDS, column_of
from stormwatch.model.event import EventText

_KEY: Final = ("event_id", "account_id", "time_us")
_ALWAYS: Final = (*_KEY, "text_chunk", "text_row")


class EventRow:
    """One event's columns, looked up when a condition asks."""

    __slots__ = ("_events", "_index")

    def __init__(self, events: pa.Table, index: int) -> None:
        self._events = events
        self._index = index

    def get(self, name: str, /) -> Any:
        """The value of a column."""
        return self._events[name][self._index].as_py()


class SegmentEvents:
    """The events of a segment's files; `also` names columns beyond those that rules ask for."""

    _key_columns: tuple[pa.Array, ...] | None = None

    def __init__(self, paths: Sequence[Path], also: Iterable[str] = ()) -> None:
        names = list(dict.fromkeys((*_ALWAYS, *map(column_of, EVENT_FIELDS), *also)))
        parts = [pq.read_table(path, columns=names, partitioning=None) for path in paths]
        self.table: pa.Table = pa.concat_tables(parts).combine_chunks()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def row(self, index: int) -> EventRow:
        """One event."""
        return EventRow(self.table, index)

    def key(self, index: int) -> tuple[str, str, int]:
        """Event id, account id and time of one event."""
        if self._key_columns is None:
            self._key_columns = tuple(self.table[name].combine_chunks() for name in _KEY)
        event_ids, account_ids, times = self._key_columns
        return event_ids[index].as_py(), account_ids[index].as_py(), times[index].as_py()

    def keys_of(self, places: Sequence[int]) -> pa.Table:
        """Event ids, account ids and times of events, in the order of their places."""
        return self.table.select(_KEY).take(pa.array(places, pa.int64()))

    def with_texts(self, chunks: Iterator[list[EventText]]) -> Iterator[tuple[int, EventText]]:
        """Pairs each event's index with its text, chunk after chunk; a text of no event is passed over."""
        chunk_of = self.table["text_chunk"].to_numpy()
        row_of = self.table["text_row"].to_numpy()
        order = np.lexsort((row_of, chunk_of))
        starts = chunk_of[order]
        for number, texts in enumerate(chunks):
            low, high = np.searchsorted(starts, (number, number + 1))
            indexes = order[low:high]
            for index, row in zip(indexes.tolist(), row_of[indexes].tolist(), strict=True):
                yield index, texts[row]
