"""Files and bodies, plain or compressed, as chunks of bytes; damage in the compression is told apart from its data."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import zstandard

from stormwatch.model.errors import InvalidInput

CHUNK_BYTES: Final = 1 << 20
_GATHERED_BYTES: Final = 1 << 18
_LARGEST_BYTES: Final = 1 << 21
_PIECE_BYTES: Final = 1 << 10  # zstd can pack 32 kB into a byte: this much unpacks to 32 MB at the very most
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


class _Decompressor(Protocol):
    def decompress(self, data: bytes, /) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


class CutOff(InvalidInput):
    """Compressed data ends too early or is damaged; what came before it was handed over."""


def file_chunks(path: Path, progress: Callable[[int, int], None] | None = None) -> Iterator[bytes]:
    """The decompressed bytes of a file, recognised by its first bytes, not its name.

    Raises InvalidInput when the file cannot be opened, CutOff where its compression breaks off. `progress` gets the
    bytes of the file that were read and their total.
    """
    try:
        total = path.stat().st_size
        with path.open("rb") as file:
            yield from decompressed(_raw(file, total, progress))
    except OSError as error:
        raise InvalidInput(f"the file cannot be read: {error.strerror}", where=str(path)) from error


def decompressed(chunks: Iterator[bytes], encoding: str = "auto") -> Iterator[bytes]:
    """Chunks without their compression; `encoding` is gzip, zstd, identity or auto (by the first bytes)."""
    first = next(chunks, b"")
    if encoding == "auto":
        encoding = "gzip" if first.startswith(_GZIP) else "zstd" if first.startswith(_ZSTD) else "identity"
    if encoding == "identity":
        yield first
        yield from chunks
    else:
        make = _gzip if encoding == "gzip" else _zstd
        yield from _gathered(_members(chain((first,), chunks), make))


def _members(chunks: Iterator[bytes], make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    """Unpacks one compressed member after the other, as `cat a.gz b.gz` makes them, a little at a time."""
    decompressor = make()
    begun = False
    for chunk in chunks:
        data = chunk
        while data:
            piece, data = data[:_PIECE_BYTES], data[_PIECE_BYTES:]
            begun = True
            try:
                yield decompressor.decompress(piece)
            except (zlib.error, zstandard.ZstdError) as error:
                raise CutOff(f"the compressed data is damaged: {error}") from error
            if decompressor.eof:
                data = decompressor.unused_data + data
                decompressor, begun = make(), False
    if begun:
        raise CutOff("the compressed data ends too early")


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces joined to chunks of a useful size; before an error comes what was held."""
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= _GATHERED_BYTES:
                yield from _cut(b"".join(held))
                held, size = [], 0
    except CutOff:
        yield b"".join(held)
        raise
    yield b"".join(held)


def _cut(data: bytes) -> Iterator[bytes]:
    """A few kilobytes may unpack to tens of megabytes; whoever comes next holds copies of no more than a part."""
    for start in range(0, len(data), _LARGEST_BYTES):
        yield data[start : start + _LARGEST_BYTES]


def _gzip() -> _Decompressor:
    return zlib.decompressobj(wbits=31)


def _zstd() -> _Decompressor:
    return zstandard.ZstdDecompressor().decompressobj()


def _raw(file: BinaryIO, total: int, progress: Callable[[int, int], None] | None) -> Iterator[bytes]:
    read = 0
    while chunk := file.read(CHUNK_BYTES):
        read += len(chunk)
        yield chunk
        if progress is not None:
            progress(read, total)
