"""Parts that came after their event had reached the lake: its segment's files are written anew with them.

A segment keeps its name and the order of its rows. Detections notice by the new file that they have to look again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stormwatch.events.span_filling import (
    Texts,
    links_of,
    messages_by_span,
    rows_with_messages,
    with_clients,
    with_messages,
    with_texts,
)
from stormwatch.events.span_parts import SpanMessages
from stormwatch.events.span_waiting import Parts
from stormwatch.model.event import EventText
from stormwatch.model.times import HOUR
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange, LakeFile
from stormwatch.storage.texts import read_segment, seal

_FIRST: Final = "first_us"
_LAST: Final = "last_us"


def amend_lake(lake: Lake, keyring: Keyring, links: pa.Table, parts: Parts) -> None:
    """Adds parts to the events that `links` tie to them, wherever in the lake they are; one commit a segment."""
    links = _met(links, parts)
    if not links.num_rows:
        return
    messages = messages_by_span(parts.messages)
    for file in _near(lake, links["time_us"]):
        rows = links_of(_keys(lake, file), links)
        if rows is not None:
            _amend(lake, keyring, file.segment, links.take(rows), parts.clients, messages)


def _met(links: pa.Table, parts: Parts) -> pa.Table:
    """The links for which something has come."""
    by_client = pc.is_in(links["parent"], value_set=parts.clients["span"].combine_chunks(), skip_nulls=True)
    by_messages = pc.is_in(links["span"], value_set=parts.messages["span"].combine_chunks(), skip_nulls=True)
    return links.filter(pc.or_(by_client, by_messages))


def in_lake(lake: Lake, keys: pa.ChunkedArray, times_us: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether the lake holds an event under each key, its time near that given."""
    found = [keys.filter(pc.is_in(keys, value_set=_keys(lake, file))) for file in _near(lake, times_us)]
    return pc.is_in(keys, value_set=pa.chunked_array([chunk for part in found for chunk in part.chunks], keys.type))


def _near(lake: Lake, times_us: pa.ChunkedArray) -> Iterator[LakeFile]:
    """Files of keys in whose span of time some of the times lie, give or take a long request."""
    times = pc.min_max(times_us).as_py()
    for file in lake.files("event_keys"):
        if int(file.marks[_LAST]) >= times["min"] - HOUR and int(file.marks[_FIRST]) <= times["max"] + HOUR:
            yield file


def _keys(lake: Lake, file: LakeFile) -> pa.Array:
    return pq.read_table(lake.root / file.path, columns=["key"], partitioning=None)["key"].combine_chunks()


def _amend(
    lake: Lake,
    keyring: Keyring,
    segment: str,
    links: pa.Table,
    clients: pa.Table,
    messages: dict[bytes, list[SpanMessages]],
) -> None:
    before = [file for file in lake.files("events") if file.segment == segment]
    if not before:  # erased meanwhile
        return
    events = pa.concat_tables([pq.read_table(lake.root / file.path, partitioning=None) for file in before])
    amended = with_clients(events, links["parent"].combine_chunks(), clients)
    add: dict[str, list[LakeFile]] = {}
    drop = {file.path for file in before}
    found = rows_with_messages(links["span"], messages)
    texts_before = [file for file in lake.files("texts") if file.segment == segment]
    if found and texts_before:
        chunks = list(read_segment(lake, keyring, segment))
        texts = _amended_texts(events, chunks, found)
        amended = with_texts(amended, texts, found, lambda prompt: keyring.keyed_hash("prompt", prompt))
        sealed = seal(keyring, segment, [text for chunk in chunks for text in chunk])
        add["texts"] = [lake.write("texts", sealed, segment=segment, marks=texts_before[0].marks)]
        drop |= {file.path for file in texts_before}
    elif amended.equals(events):
        return
    add["events"] = [lake.write("events", amended, segment=segment, marks=before[0].marks)]
    lake.commit(LakeChange(add=add, drop=frozenset(drop)))


def _amended_texts(events: pa.Table, chunks: list[list[EventText]], found: dict[int, list[SpanMessages]]) -> Texts:
    """The texts of some rows with their messages, put into their chunks as well."""
    chunk_of, row_of = (events[name].to_numpy() for name in ("text_chunk", "text_row"))
    texts: dict[int, EventText] = {}
    for row in np.sort(np.fromiter(found, dtype=np.int64)).tolist():
        chunk = chunks[chunk_of[row]]
        texts[row] = chunk[row_of[row]] = with_messages(chunk[row_of[row]], found[row])
    return texts
