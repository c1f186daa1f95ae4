"""A log that grows: the lines appended to it, across renaming, copying with truncation, and restarts."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from stormwatch.events.positions import HEAD_BYTES, Fingerprint, Position
from stormwatch.events.splitting import LineSplitter, Piece

CHUNK_BYTES: Final = 1 << 20
LINGER_SECONDS: Final = 30.0  # a writer may go on for a while with a file that was renamed under it


class Standing(NamedTuple):
    """Where a line stands: its number, the position to go on from so that it comes again, and which file of many."""

    line: int
    position: Position
    generation: int


class _Source:
    """One open file, read from an offset on."""

    def __init__(self, handle: int, generation: int, position: Position | None, max_bytes: int) -> None:
        self.handle = handle
        self.generation = generation
        self.offset = position.offset if position else 0
        self.line_start = self.offset
        self.splitter = LineSplitter(max_bytes, position.line if position else 1)
        self.head = os.pread(handle, min(HEAD_BYTES, position.head_bytes if position else 0), 0)
        self.retired_at: float | None = None
        self.identity = _identity(os.fstat(handle))

    def position(self, fingerprint: Fingerprint) -> Position:
        return Position(len(self.head), fingerprint(self.head), self.line_start, self.splitter.line)

    def is_truncated(self) -> bool:
        """Whether what was read is no longer what the file begins with."""
        size = os.fstat(self.handle).st_size
        return size < self.offset or os.pread(self.handle, len(self.head), 0) != self.head

    def chunk(self) -> bytes:
        """The next bytes, empty when there are none yet."""
        data = os.pread(self.handle, CHUNK_BYTES, self.offset)
        if data and os.fstat(self.handle).st_size < self.offset + len(data):
            return b""  # truncated while it was read; the next look says so
        return data

    def took(self, data: bytes) -> None:
        if len(self.head) < HEAD_BYTES and self.offset == len(self.head):
            self.head += data[: HEAD_BYTES - len(self.head)]
        newline = data.rfind(b"\n")
        if newline >= 0:
            self.line_start = self.offset + newline + 1
        self.offset += len(data)


class FollowedFile:
    """What is appended to a path, like `tail -F`. The files that the path named before are read to their ends first
    or beside it, so no line is passed over; one that is read twice is the same event twice.
    """

    def __init__(
        self,
        path: Path,
        position: Position | None,
        fingerprint: Fingerprint,
        max_record_bytes: int,
        *,
        note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._fingerprint = fingerprint
        self._max_bytes = max_record_bytes
        self._note = note
        self._clock = clock
        self._sources: list[_Source] = []
        self._generation = 0
        if position is not None and position.head_bytes:
            self._resume(position)
        self._open_current()

    def read(self) -> Iterator[tuple[Piece, Standing]]:
        """The lines that are there now, at most CHUNK_BYTES of each file; nothing when nothing is new."""
        self._open_current()
        for source in list(self._sources):
            yield from self._read(source)

    def position(self) -> Position | None:
        """From where everything that was not read yet, and may still come, can be read; None before anything is."""
        return self._sources[0].position(self._fingerprint) if self._sources else None

    def generation(self) -> int:
        """Which of the files that the path named one after the other `position` is in."""
        return self._sources[0].generation if self._sources else self._generation

    def close(self) -> None:
        """Lets go of the files."""
        for source in self._sources:
            os.close(source.handle)
        self._sources = []

    def _read(self, source: _Source) -> Iterator[tuple[Piece, Standing]]:
        if source.is_truncated():
            self._follow_copy(source)
            return
        data = source.chunk()
        if not data:
            if source.retired_at is not None and self._clock() - source.retired_at >= LINGER_SECONDS:
                yield from self._finish(source)
            return
        if source.retired_at is not None:
            source.retired_at = self._clock()
        standing = source.position(self._fingerprint)
        # A writer that kept its place over a truncation leaves a hole of NUL before its next line.
        said = data.lstrip(b"\0") if source.line_start == source.offset else data
        source.took(data)
        if not said:
            source.line_start = source.offset
        for piece in source.splitter.feed(said):
            yield piece, Standing(piece.line, standing, source.generation)

    def _finish(self, source: _Source) -> Iterator[tuple[Piece, Standing]]:
        """A file that nobody writes to any more: its last line counts although nothing ended it."""
        standing = source.position(self._fingerprint)
        for piece in source.splitter.end():
            yield piece, Standing(piece.line, standing, source.generation)
        os.close(source.handle)
        self._sources.remove(source)

    def _open_current(self) -> None:
        """Opens what the path names now, unless it is read already; what it named before is read on for a while."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return
        if any(source.identity == _identity(found) for source in self._sources):
            return
        if self._sources:
            self._add_later(self._sources[-1].identity)
        self._retire_all()
        self._add(self.path, None)

    def _retire_all(self) -> None:
        for source in self._sources:
            if source.retired_at is None:
                source.retired_at = self._clock()

    def _follow_copy(self, source: _Source) -> None:
        """The file was cut to nothing: what was not read of it stands in a copy, if whoever cut it made one."""
        position = source.position(self._fingerprint)
        self._sources.remove(source)
        copy = self._find(position) if position.head_bytes else None
        if copy is not None:
            self._add(copy, position)
            self._add_later(self._sources[-1].identity)
            self._retire_all()
        else:
            self._note(f"{self.path} was truncated and no copy of it is beside it: its last lines may have been missed")
        self._generation += 1
        fresh = _Source(source.handle, self._generation, None, self._max_bytes)
        self._sources.append(fresh)

    def _resume(self, position: Position) -> None:
        """Opens the file in which the reading ended and those that came after it, the current one excepted."""
        found = self._find(position, self.path)
        if found is None:
            self._note(
                f"the file that was followed as {self.path} is gone or compressed: ingest its rotated copies once; "
                "what is known counts as duplicate"
            )
            return
        self._add(found, position)
        if found != self.path:
            self._add_later(self._sources[-1].identity)
            self._retire_all()

    def _find(self, position: Position, *first: Path) -> Path | None:
        """The file that begins as the one did that a position is in, and is long enough."""
        for candidate in (*first, *(path for path, _ in reversed(self._siblings()))):
            try:
                with candidate.open("rb") as file:
                    head = file.read(position.head_bytes)
                    size = os.fstat(file.fileno()).st_size
            except OSError:
                continue
            if size >= position.offset and self._fingerprint(head) == position.head:
                return candidate
        return None

    def _add_later(self, identity: tuple[int, int]) -> None:
        """Opens the rotated files that were written after one of them, such as one that came and went unseen."""
        siblings = self._siblings()
        since = next((seen.st_mtime_ns for _, seen in siblings if _identity(seen) == identity), None)
        for path, seen in siblings:
            if since is not None and seen.st_mtime_ns >= since and _identity(seen) != identity:
                self._add(path, None)

    def _siblings(self) -> list[tuple[Path, os.stat_result]]:
        """The files beside the path that look like its rotated copies, the oldest first."""
        name, stem, suffix = (re.escape(part) for part in (self.path.name, self.path.stem, self.path.suffix))
        rotated = re.compile(rf"{name}[.-]\d[\dT_.-]*|{stem}[.-]\d[\dT_.-]*{suffix}")
        found = []
        for entry in os.scandir(self.path.absolute().parent):
            try:
                if rotated.fullmatch(entry.name) and entry.is_file():
                    found.append((self.path.parent / entry.name, entry.stat()))
            except FileNotFoundError:
                continue  # renamed or removed while we looked
        return sorted(found, key=lambda item: item[1].st_mtime_ns)

    def _add(self, path: Path, position: Position | None) -> None:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # renamed between two looks; the next look finds it
        if any(source.identity == _identity(os.fstat(handle)) for source in self._sources):
            os.close(handle)
            return
        self._generation += 1
        self._sources.append(_Source(handle, self._generation, position, self._max_bytes))


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def is_plain_file(path: Path) -> bool:
    """Whether a path names a regular file, or nothing yet."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return path.parent.is_dir()
