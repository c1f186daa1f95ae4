"""Chunks of bytes to single records: lines of NDJSON, or the elements of a JSON array or of JSON written over lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"
_OUTSIDE: Final = re.compile(rb'["{}\[\]\n]')
_INSIDE: Final = re.compile(rb'["\\\n]')
_PEEK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """A record, or with `oversize` the next part of one that is longer than allowed; `line` is where it starts."""

    line: int
    data: bytes
    oversize: bool = False
    last: bool = True


def split_records(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Piece]:
    """The records of a stream, with at most `max_bytes` of any one in memory. Empty lines are passed over."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head.lstrip()) > 1:
            break
    head = head.removeprefix(_BOM)
    stream = chain((head,), chunks)
    return _split_json(stream, max_bytes) if _is_document(head) else _split_lines(stream, max_bytes)


def _is_document(head: bytes) -> bool:
    """Whether the stream is one JSON document: an array, or an object whose first line is only its brace."""
    start = head.lstrip()[:_PEEK]
    return start.startswith(b"[") or bool(re.match(rb"\{[ \t\r]*\n", start))


def _split_lines(chunks: Iterator[bytes], max_bytes: int) -> Iterator[Piece]:
    unfinished = _UnfinishedLine(max_bytes)
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        if not others:
            yield from unfinished.extend(first)
            continue
        yield from unfinished.end(first)
        *whole, tail = others
        line = unfinished.line
        for number, record in enumerate(whole, line):
            if record and not record.isspace():
                yield Piece(number, record, oversize=len(record) > max_bytes)
        unfinished.line = line + len(whole)
        yield from unfinished.extend(tail)
    yield from unfinished.end(b"")


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
            yield Piece(self.line, self._take(), oversize=True, last=False)
            self._oversize = True

    def end(self, part: bytes) -> Iterator[Piece]:
        """The last of the line; the next one begins."""
        self._parts.append(part)
        record = self._take()
        if self._oversize or (record and not record.isspace()):
            yield Piece(self.line, record, oversize=self._oversize or len(record) > self._max_bytes)
        self._oversize = False
        self.line += 1

    def _take(self) -> bytes:
        record = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
        self._parts, self._held = [], 0
        return record


class _Scanner:
    """Where one is in JSON: how deep, in a string or not. Carried from chunk to chunk."""

    def __init__(self) -> None:
        self.depth = 0
        self.base = 0  # 1 inside the outer array
        self.in_string = False
        self.line = 1

    def cuts(self, chunk: bytes) -> Iterator[tuple[int, bool]]:
        """Offsets in the chunk where an element starts (True) or has ended (False)."""
        position = 0
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
    """Elements that are objects or arrays; bare numbers and words between them are passed over."""
    scanner = _Scanner()
    element: list[bytes] | None = None
    held = 0
    start_line = 1
    oversize = False
    for chunk in _whole_escapes(chunks):
        begin = 0
        for offset, starts in scanner.cuts(chunk):
            if starts:
                element, held, start_line, oversize, begin = [], 0, scanner.line, False, offset
            elif element is not None:
                element.append(chunk[begin:offset])
                data = b"".join(element)
                yield Piece(start_line, data, oversize=oversize or len(data) > max_bytes)
                element = None
        if element is not None:
            element.append(chunk[begin:])
            held += len(element[-1])
            if oversize or held > max_bytes:
                yield Piece(start_line, b"".join(element), oversize=True, last=False)
                element, oversize = [], True
    if element is not None:
        yield Piece(start_line, b"".join(element), oversize=oversize)


def _whole_escapes(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut so that no chunk ends in a backslash: an escape is then seen as a whole."""
    kept = b""
    for chunk in chunks:
        data = kept + chunk
        kept = b""
        if data.endswith(b"\\"):
            data, kept = data[:-1], b"\\"
        yield data
    if kept:
        yield kept
