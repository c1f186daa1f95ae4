"""A world's compressed streams to records and back, a line each."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import zstandard

from stormwatch.model.errors import InvalidInput

_Row = TypeVar("_Row")


def read_stream(path: Path, shape: type[_Row]) -> Iterator[_Row]:
    """The records of a .ndjson.zst file; InvalidInput names the line that cannot be read as `shape`."""
    decoder = msgspec.json.Decoder(shape)
    number = 0
    try:
        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as packed:
            for line in io.BufferedReader(packed, 1 << 20):
                number += 1
                if line.strip():
                    yield decoder.decode(line)
    except (msgspec.DecodeError, zstandard.ZstdError) as error:
        remedy = "make the world again"
        raise InvalidInput(f"cannot be read: {error}", where=f"{path}, line {number}", remedy=remedy) from error


def write_stream(path: Path, rows: Iterable[object]) -> None:
    """Writes records, compressed; the same records give the same file."""
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as raw, zstandard.ZstdCompressor(level=3).stream_writer(raw) as packed:
        for row in rows:
            packed.write(encode(row) + b"\n")
