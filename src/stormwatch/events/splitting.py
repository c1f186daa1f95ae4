"""Chunks of bytes to single records: lines of NDJSON, or the elements of a JSON array or of JSON written over lines.

Records come in blocks, so that whoever reads them can be another process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from stormwatch.model.errors import InvalidInput

_BOM: Final = b"\xef\xbb\xbf"
_OUTSIDE: Final = re.compile(rb'["{}\[\]\n]')
_INSIDE: Final = re.compile(rb'["\\\n]')
_BETWEEN: Final = b" \t\r\n,[]"
_PEEK: Final = 64 * 1024
_BLOCK_BYTES: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """A record, or with `oversize` the next part of one that is longer than allowed; `line` is where it starts."""

    line: int
    data: bytes
    oversize: bool = False
    last: bool = True


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines as they came; `line` is the number of the first."""

    line: int
    data: bytes

    def pieces(self, max_bytes: int) -> Iterator[Piece]:
        """The records in them; one that is too long is marked."""
        for number, record in enumerate(self.data.split(b"\n"), self.line):
            if record and not record.isspace():
                yield Piece(number, record, oversize=len(record) > max_bytes)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Records that were cut out already."""

    held: tuple[Piece, ...]

    def pieces(self, _max_bytes: int) -> Iterator[Piece]:
        """The records."""
        yield from self.held


Block = Lines | Pieces


def split_records(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Piece]:
    """The records of a stream, with at most `max_bytes` of any one in memory. Empty lines are passed over."""
    for block in split_blocks(chunks, max_bytes):
        yield from block.pieces(max_bytes)


def split_blocks(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Block]:
    """The same in blocks of a few megabytes. What came before the stream broke off is handed over before the error."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head.lstrip()) > 1:
            break
    head = head.removeprefix(_BOM)
    stream = chain((head,), chunks)
    if _is_document(head):
        yield from _gathered(_split_json(stream, max_bytes))
    else:
        yield from _split_lines(stream, max_bytes)


def _is_document(head: bytes) -> bool:
    """Whether the stream is one JSON document: an array, or an object whose first line is only its brace."""
    start = head.lstrip()[:_PEEK]
    return start.startswith(b"[") or bool(re.match(rb"\{[ \t\r]*\n", start))


def _gathered(pieces: Iterator[Piece]) -> Iterator[Pieces]:
    held: list[Piece] = []
    size = 0
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece.data)
            if size >= _BLOCK_BYTES:
                yield Pieces(tuple(held))
                held, size = [], 0
    except InvalidInput:
        yield from _block(iter(held))
        raise
    yield from _block(iter(held))


def _split_lines(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Block]:
    unfinished = _UnfinishedLine(max_bytes)
    for chunk in _joined(chunks):
        end = chunk.rfind(b"\n") + 1
        if not end:
            yield from _block(unfinished.extend(chunk))
            continue
        start = 0
        if unfinished.is_long:
            start = chunk.index(b"\n") + 1
            yield from _block(unfinished.end(chunk[: start - 1]))
        begun = unfinished.take()
        if start < end or begun:
            lines = begun + chunk[start:end] if begun or start or end < len(chunk) else chunk
            yield Lines(unfinished.line, lines)
            unfinished.line += chunk.count(b"\n", start, end)
        yield from _block(unfinished.extend(chunk[end:]))
    yield from _block(unfinished.end(b""))


def _joined(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Small chunks put together, and given before an error of the stream."""
    held: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            held.append(chunk)
            size += len(chunk)
            if size >= _BLOCK_BYTES:
                yield b"".join(held)
                held, size = [], 0
    except InvalidInput:
        yield b"".join(held)
        raise
    yield b"".join(held)


def _block(pieces: Iterator[Piece]) -> Iterator[Pieces]:
    held = tuple(pieces)
    if held:
        yield Pieces(held)


class _UnfinishedLine:
    """A line of which only the beginning has been seen; of one that is too long nothing is held back."""

    def __init__(self, max_bytes: int) -> None:
        self.line = 1
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._held = 0
        self._oversize = False

    def extend(self, part: bytes) -> Iterator[Piece]:
        """More of the line, which goes on."""
        self._parts.append(part)
        self._held += len(part)
        if self._oversize or self._held > self._max_bytes:
            yield Piece(self.line, self.take(), oversize=True, last=False)
            self._oversize = True

    def end(self, part: bytes) -> Iterator[Piece]:
        """The last of the line; the next one begins."""
        self._parts.append(part)
        record = self.take()
        if self._oversize or (record and not record.isspace()):
            yield Piece(self.line, record, oversize=self._oversize or len(record) > self._max_bytes)
        self._oversize = False
        self.line += 1

    @property
    def is_long(self) -> bool:
        """Whether parts of the line were given away because it is too long."""
        return self._oversize

    def take(self) -> bytes:
        """What is held of the line, which is then no longer held."""
        record = b"".join(self._parts)
        self._parts, self._held = [], 0
        return record


class _Scanner:
    """Where one is in JSON: how deep, in a string or not. Carried from chunk to chunk."""

    def __init__(self) -> None:
        self.depth = 0
        self.base = 0  # 1 inside the outer array
        self.in_string = False
        self._escaped = 0  # 1 when the chunk before ended in the middle of an escape
        self.line = 1

    def cuts(self, chunk: bytes) -> Iterator[tuple[int, bool]]:
        """Offsets in the chunk where an element starts (True) or has ended (False)."""
        position = self._escaped
        while match := (_INSIDE if self.in_string else _OUTSIDE).search(chunk, position):
            position = match.end()
            sign = match[0]
            if sign == b"\n":
                self.line += 1
            elif sign == b'"':
                self.in_string = not self.in_string
            elif sign == b"\\":
                position += 1
            elif sign in b"{[":
                if self._opens_element(sign):
                    yield match.start(), True
            elif self._closes_element():
                yield position, False
        self._escaped = int(position > len(chunk))

    def _opens_element(self, sign: bytes) -> bool:
        if sign == b"[" and self.depth == 0:
            self.base = self.depth = 1
            return False
        self.depth += 1
        return self.depth == self.base + 1

    def _closes_element(self) -> bool:
        self.depth = max(self.depth - 1, 0)
        ended = self.depth == self.base
        if self.depth == 0:
            self.base = 0
        return ended


def _split_json(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Piece]:
    """Elements of the outer array, or objects one after the other; what stands between them comes as pieces too."""
    scanner = _Scanner()
    element = _UnfinishedElement(max_bytes)
    for chunk in chunks:
        begin = 0
        for offset, starts in scanner.cuts(chunk):
            if starts:
                yield from _between(scanner.line, chunk[begin:offset])
                element.start(scanner.line)
                begin = offset
            elif element.is_open:
                yield element.end(chunk[begin:offset])
                begin = offset
        if element.is_open:
            yield from element.extend(chunk[begin:])
        else:
            yield from _between(scanner.line, chunk[begin:])
    if element.is_open or scanner.depth:
        yield element.end(b"")


def _between(line: int, data: bytes) -> Iterator[Piece]:
    stray = data.strip(_BETWEEN)
    if stray:
        yield Piece(line, stray)


class _UnfinishedElement:
    """An element of which only the beginning has been seen; of one that is too long nothing is held back."""

    def __init__(self, max_bytes: int) -> None:
        self.is_open = False
        self._max_bytes = max_bytes
        self._line = 1
        self._parts: list[bytes] = []
        self._held = 0
        self._oversize = False

    def start(self, line: int) -> None:
        """An element begins."""
        self.is_open = True
        self._line, self._parts, self._held, self._oversize = line, [], 0, False

    def extend(self, part: bytes) -> Iterator[Piece]:
        """More of the element, which goes on."""
        self._parts.append(part)
        self._held += len(part)
        if self._oversize or self._held > self._max_bytes:
            yield Piece(self._line, b"".join(self._parts), oversize=True, last=False)
            self._parts, self._held, self._oversize = [], 0, True

    def end(self, part: bytes) -> Piece:
        """The last of the element."""
        data = b"".join((*self._parts, part))
        self.is_open = False
        self._parts = []
        return Piece(self._line, data, oversize=self._oversize or len(data) > self._max_bytes)
