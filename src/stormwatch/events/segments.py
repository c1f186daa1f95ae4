"""From rows of the log to the lake's segments: exact deduplication, then a file each of events, texts and keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stormwatch.model.ids import new_id
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeFile
from stormwatch.storage.schemas import EVENT_KEYS, EVENTS
from stormwatch.storage.texts import ROWS_PER_CHUNK, seal

ROWS_PER_SEGMENT: Final = 65_536
_TEXT_BYTES_PER_SEGMENT: Final = 32 * 1024 * 1024  # two segments are in memory at once, in several copies
_FIRST: Final = "first_us"
_LAST: Final = "last_us"


class SegmentWriter:
    """Collects rows of one commit. Nothing is visible before the caller commits what `finish` gives.

    One segment is compressed and written while the rows of the next are read.
    """

    def __init__(self, lake: Lake, keyring: Keyring) -> None:
        self._lake = lake
        self._keyring = keyring
        self._before = lake.files("event_keys")
        self._contents: dict[bytes, bytes | set[bytes]] = {}
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="segment")
        self._under_way: Future[None] | None = None
        self._files: dict[str, list[LakeFile]] = defaultdict(list)
        self.rows = 0
        self.duplicate = 0
        self.conflicting = 0
        self.segments = 0

    def add(self, table: pa.Table) -> None:
        """Takes rows of LOG_EVENTS in their order of arrival."""
        self._pending.append(table)
        self._pending_rows += table.num_rows
        self._pending_bytes += table["text"].nbytes
        if self._pending_rows >= ROWS_PER_SEGMENT or self._pending_bytes >= _TEXT_BYTES_PER_SEGMENT:
            self._flush()

    def finish(self, marks: Mapping[str, str]) -> dict[str, Sequence[LakeFile]]:
        """The files to add, the last file of keys carrying the marks as well."""
        self._flush()
        self._await()
        self._worker.shutdown()
        keys = self._files.get("event_keys")
        if keys:
            keys[-1] = msgspec.structs.replace(keys[-1], marks={**keys[-1].marks, **marks})
        return dict(self._files)

    def _flush(self) -> None:
        if not self._pending:
            return
        table = self._deduplicated(pa.concat_tables(self._pending))
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        if table.num_rows:
            self.rows += table.num_rows
            self.conflicting += pc.sum(table["conflicting"]).as_py() or 0
            self.segments += 1
            self._await()
            self._under_way = self._worker.submit(self._write_segment, table)

    def _await(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None

    def _write_segment(self, table: pa.Table) -> None:
        segment = new_id("seg")
        times = pc.min_max(table["time_us"]).as_py()
        span = {_FIRST: str(times["min"]), _LAST: str(times["max"])}
        texts = seal(self._keyring, segment, [msgspec.Raw(text) for text in table["text"].to_pylist()])
        self._write("events", _events(table, segment), segment, {})
        self._write("texts", texts, segment, {})
        self._write("event_keys", table.select(EVENT_KEYS.names), segment, span)

    def _write(self, name: str, rows: pa.Table, segment: str, marks: Mapping[str, str]) -> None:
        self._files[name].append(self._lake.write(name, rows, segment=segment, marks=marks))

    def _deduplicated(self, table: pa.Table) -> pa.Table:
        keys: list[bytes] = table["key"].to_pylist()
        contents: list[bytes] = table["content"].to_pylist()
        conflicting: list[bool] = table["conflicting"].to_pylist()
        in_lake = self._in_lake(table)
        kept: list[bool] = []
        for number, (key, content) in enumerate(zip(keys, contents, strict=True)):
            known = self._contents.get(key)
            if known is None and in_lake:
                known = in_lake.get(key)
            if known is None:
                self._contents[key] = content
                kept.append(True)
                continue
            known = known if isinstance(known, set) else {known}
            is_new = content not in known
            kept.append(is_new)
            conflicting[number] = True
            self._contents[key] = known | {content}
        self.duplicate += len(kept) - sum(kept)
        flags = pa.array(conflicting, pa.bool_())
        flagged = table.set_column(table.schema.get_field_index("conflicting"), "conflicting", flags)
        return flagged if all(kept) else flagged.filter(pa.array(kept))

    def _in_lake(self, table: pa.Table) -> dict[bytes, set[bytes]]:
        """Contents that the lake holds under the table's keys, looked up where times overlap.

        The same event has the same time, so this finds every duplicate however old; a conflict with an id of
        another period is beyond it.
        """
        times = pc.min_max(table["time_us"]).as_py()
        keys = table["key"].combine_chunks()
        found: dict[bytes, set[bytes]] = defaultdict(set)
        for file in self._before:
            if int(file.marks[_LAST]) < times["min"] or int(file.marks[_FIRST]) > times["max"]:
                continue
            rows = pq.read_table(self._lake.root / file.path, partitioning=None)
            hits = rows.filter(pc.is_in(rows["key"], value_set=keys))
            for key, content in zip(hits["key"].to_pylist(), hits["content"].to_pylist(), strict=True):
                found[key].add(content)
        return dict(found)


def _events(table: pa.Table, segment: str) -> pa.Table:
    numbers = np.arange(table.num_rows, dtype=np.int64)
    columns: dict[str, Any] = {name: table[name] for name in EVENTS.names if name in table.column_names}
    columns["segment"] = pa.array([segment] * table.num_rows, pa.string())
    columns["text_chunk"] = pa.array(numbers // ROWS_PER_CHUNK)
    columns["text_row"] = pa.array(numbers % ROWS_PER_CHUNK)
    return pa.table([columns[name] for name in EVENTS.names], schema=EVENTS)


def latest_event_us(lake: Lake) -> int:
    """The time of the latest event in the lake; 0 where there is none."""
    return max((int(file.marks[_LAST]) for file in lake.files("event_keys")), default=0)
