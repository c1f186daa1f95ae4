"""A list of indicators through all stored history, segment by segment: only the columns it needs, on several threads.

No text is opened: what was pasted is found among the stored artefacts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from stormwatch.detections.indicators.matching import CONNECTION_COLUMNS, KEY_COLUMNS, IndicatorMatcher
from stormwatch.detections.rows import sort_detections
from stormwatch.storage.lake import Lake, Manifest

Result = TypeVar("Result")

_THREADS: Final = min(4, os.cpu_count() or 1)
# So many segments are under way at once; the results of no more are held.
_AT_ONCE: Final = 4 * _THREADS
_ARTEFACT_COLUMNS: Final = ["event_id", "account_id", "time_us", "kind", "value"]


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """One segment's files of events and, where artefacts were extracted, of those."""

    name: str
    events: tuple[Path, ...]
    observables: tuple[Path, ...]
    rows: int


def segments_of(lake: Lake, manifest: Manifest) -> tuple[SegmentFiles, ...]:
    """All segments of a state of the lake, in the order in which they came."""
    events: dict[str, list[Path]] = {}
    rows: dict[str, int] = {}
    for file in manifest.tables.get("events", ()):
        events.setdefault(file.segment, []).append(lake.root / file.path)
        rows[file.segment] = rows.get(file.segment, 0) + file.rows
    observables: dict[str, list[Path]] = {}
    for file in manifest.tables.get("observables", ()):
        observables.setdefault(file.segment, []).append(lake.root / file.path)
    return tuple(
        SegmentFiles(name, tuple(paths), tuple(observables.get(name, ())), rows[name]) for name, paths in events.items()
    )


def match_segments(
    matcher: IndicatorMatcher, segments: Sequence[SegmentFiles], then: Callable[[SegmentFiles, pa.Table], Result]
) -> Iterator[tuple[SegmentFiles, Result]]:
    """What `then` makes of the detections of each segment, in the order given; it is called on several threads."""

    def work(segment: SegmentFiles) -> Result:
        return then(segment, match_segment(matcher, segment))

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="retro-hunt") as pool:
        for start in range(0, len(segments), _AT_ONCE):
            part = segments[start : start + _AT_ONCE]
            yield from zip(part, pool.map(work, part), strict=True)


def match_segment(matcher: IndicatorMatcher, segment: SegmentFiles) -> pa.Table:
    """The detections of one segment, in their one order."""
    # As dictionaries: a column is then decoded once a distinct value, and each of these is looked at once.
    connections = _read(segment.events, list(CONNECTION_COLUMNS), as_dictionaries=True)

    def keys(rows: pa.Array) -> pa.Table:
        return _read(segment.events, list(KEY_COLUMNS)).take(rows)

    connected = matcher.events(connections, keys)
    if not segment.observables:
        return connected
    return sort_detections(
        pa.concat_tables([connected, matcher.observables(_read(segment.observables, _ARTEFACT_COLUMNS))])
    )


def _read(paths: Sequence[Path], columns: list[str], *, as_dictionaries: bool = False) -> pa.Table:
    dictionaries = columns if as_dictionaries else []
    parts = []
    for path in paths:
        with pq.ParquetFile(path, read_dictionary=dictionaries) as file:
            parts.append(file.read(columns=columns, use_threads=False))
    return pa.concat_tables(parts)
