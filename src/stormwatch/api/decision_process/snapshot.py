"""A snapshot file into answers: one account looked up exactly, the list in pieces, nothing of it kept but the index."""

from __future__ import annotations

import hashlib
import os
import weakref
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from stormwatch.api.decision_bodies import ListedDecision
from stormwatch.api.decision_process.entry import LANE, Held, held_of
from stormwatch.api.decision_process.snapshot_writing import END, MARK, Seal, digest
from stormwatch.model.errors import InvalidInput

_WORD: Final = 8
_LINE_BYTES: Final = 2048  # most lines are shorter and take one read
PIECE_BYTES: Final = 128 * 1024
"""How much of the list is read at once: small enough that no other answer waits for it."""


class Found(NamedTuple):
    """An account's line in a snapshot, and where it lies."""

    held: Held
    offset: int
    length: int


class Snapshot:
    """An opened snapshot. It stays whole when the file is replaced, moved or removed. 17 bytes of memory an account:
    the lines stay in the file, and an account that is not listed is told by the index alone.
    """

    def __init__(self, file: Path) -> None:
        self._handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._handle)  # whoever still reads the list holds on to it
        self.seal: Final = self._read_seal(file)
        count, timed = self.seal.lines, self.seal.timed
        start = self.seal.lines_bytes
        self._digests = self._numbers(start, count)
        self._offsets = self._numbers(start + _WORD * count, count)
        start += 2 * _WORD * count
        self._ends = self._numbers(start, timed)
        self._end_offsets = self._numbers(start + _WORD * timed, timed)
        self._left = self._numbers(start + 2 * _WORD * timed, timed)
        self._decoder = msgspec.json.Decoder(ListedDecision)

    def find(self, account_id: str) -> Found | None:
        """What the snapshot holds of an account. The id itself is compared: a digest accuses nobody."""
        wanted = digest(account_id, self.seal.digest_key)
        place = bisect_left(self._digests, wanted)
        while place < len(self._digests) and self._digests[place] == wanted:
            text = self._line(self._offsets[place])
            line = self._decoder.decode(text)
            if line.account == account_id:
                return Found(held_of(line), self._offsets[place], len(text) + len(END))
            place += 1
        return None

    def sum_at(self, now_us: int) -> int:
        """The sum of fingerprints of the lines that are not over."""
        place = bisect_right(self._ends, now_us)
        return (self.seal.endless_sum + (self._left[place] if place < len(self._left) else 0)) & LANE

    def next_end(self, now_us: int) -> int | None:
        """When the next line is over, in microseconds since the epoch."""
        place = bisect_right(self._ends, now_us)
        return self._ends[place] if place < len(self._ends) else None

    def over(self, now_us: int) -> Sequence[int]:
        """Offsets of the lines that are over."""
        return self._end_offsets[: bisect_right(self._ends, now_us)]

    def line_length(self, offset: int) -> int:
        """Bytes of the line there, its ending included."""
        return len(self._line(offset)) + len(END)

    def pieces(self, holes: Sequence[tuple[int, int]]) -> Iterator[bytes]:
        """The lines but those of the holes (offset and length, ascending), each with its ending, in small pieces."""
        start = 0
        for offset, length in (*holes, (self.seal.lines_bytes, 0)):
            while start < offset:
                piece = os.pread(self._handle, min(PIECE_BYTES, offset - start), start)
                if not piece:
                    raise OSError("the snapshot was cut short while it was read")
                start += len(piece)
                yield piece
            start = max(start, offset + length)

    def _read_seal(self, file: Path) -> Seal:
        size = os.fstat(self._handle).st_size
        tail = _WORD + len(MARK)
        end = os.pread(self._handle, tail, max(size - tail, 0))
        length = int.from_bytes(end[:_WORD], "little")
        start = size - tail - length
        if end[_WORD:] != MARK or start < 0:
            raise _damaged(file)
        try:
            seal = msgspec.json.decode(os.pread(self._handle, length, start), type=Seal)
        except msgspec.DecodeError as error:
            raise _damaged(file) from error
        hashed = hashlib.sha256()
        for place in range(0, start, 1 << 20):
            hashed.update(os.pread(self._handle, min(1 << 20, start - place), place))
        if hashed.hexdigest() != seal.content or start != seal.lines_bytes + _WORD * (2 * seal.lines + 3 * seal.timed):
            raise _damaged(file)
        return seal

    def _numbers(self, start: int, count: int) -> array[int]:
        numbers = array("Q")
        numbers.frombytes(os.pread(self._handle, count * _WORD, start))
        return numbers

    def _line(self, offset: int) -> bytes:
        size = _LINE_BYTES
        while True:
            text = os.pread(self._handle, min(size, self.seal.lines_bytes - offset), offset)
            end = text.find(END)
            if end >= 0:
                return text[:end]
            if offset + len(text) >= self.seal.lines_bytes or not text:
                raise OSError("the snapshot was cut short while it was read")
            size *= 4


def _damaged(file: Path) -> InvalidInput:
    return InvalidInput("this is no whole snapshot of decisions", where=str(file), remedy="remove it; it is made anew")
