"""Texts of events as sealed chunks: msgpack, then zstd, then AES-256-GCM bound to segment and chunk; and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from stormwatch.model.event import EventText
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import TEXTS

ROWS_PER_CHUNK: Final = 512
_PURPOSE: Final = "texts"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[EventText]).decode


def _context(segment: str, chunk: int) -> bytes:
    return f"{segment}/{chunk}".encode()


def seal(keyring: Keyring, segment: str, texts: Sequence[EventText] | Sequence[msgspec.Raw]) -> pa.Table:
    """The `texts` rows for a segment; row r of the segment lies in chunk r // ROWS_PER_CHUNK.

    A text may come as `msgspec.Raw`: the msgpack of an EventText, made earlier.
    """
    compressor = zstandard.ZstdCompressor(level=3)
    chunks = [texts[start : start + ROWS_PER_CHUNK] for start in range(0, len(texts), ROWS_PER_CHUNK)]
    sealed = [
        keyring.encrypt(_PURPOSE, compressor.compress(_encode(chunk)), _context(segment, number))
        for number, chunk in enumerate(chunks)
    ]
    columns = [[segment] * len(chunks), list(range(len(chunks))), [len(chunk) for chunk in chunks], sealed]
    return pa.table(columns, schema=TEXTS)


def unseal(keyring: Keyring, segment: str, chunk: int, sealed: bytes) -> list[EventText]:
    """The texts of one chunk; IntegrityError when bytes or key are wrong."""
    return _decode(zstandard.ZstdDecompressor().decompress(keyring.decrypt(_PURPOSE, sealed, _context(segment, chunk))))


def read_segment(lake: Lake, keyring: Keyring, segment: str) -> Iterator[list[EventText]]:
    """The texts of a segment, a chunk at a time, in the order of its events (text_chunk, text_row)."""
    for file in lake.files("texts"):
        if file.segment != segment:
            continue
        for batch in pq.ParquetFile(lake.root / file.path).iter_batches(batch_size=8):
            for row in batch.to_pylist():
                yield unseal(keyring, row["segment"], row["chunk"], row["sealed"])


def read_texts(lake: Lake, keyring: Keyring, event_ids: Sequence[str]) -> Mapping[str, EventText]:
    """The texts of the named events, by event id; those that are not (or no longer) there are left out."""
    wanted = pa.array(sorted(set(event_ids)), pa.string())
    found: dict[str, EventText] = {}
    for file in lake.files("events"):
        place = pq.read_table(lake.root / file.path, columns=["event_id", "text_chunk", "text_row"], partitioning=None)
        place = place.filter(pc.is_in(place["event_id"], value_set=wanted))
        if place.num_rows:
            found.update(_pick(lake, keyring, file.segment, place.to_pylist()))
    return found


def _pick(
    lake: Lake, keyring: Keyring, segment: str, rows: Sequence[Mapping[str, object]]
) -> Iterator[tuple[str, EventText]]:
    by_chunk: dict[int, list[tuple[str, int]]] = {}
    for row in rows:
        by_chunk.setdefault(int(str(row["text_chunk"])), []).append((str(row["event_id"]), int(str(row["text_row"]))))
    for path in (lake.root / file.path for file in lake.files("texts") if file.segment == segment):
        table = pq.read_table(path, filters=[("chunk", "in", sorted(by_chunk))], partitioning=None)
        for row in table.to_pylist():
            texts = unseal(keyring, segment, row["chunk"], row["sealed"])
            for event_id, index in by_chunk[row["chunk"]]:
                yield event_id, texts[index]
