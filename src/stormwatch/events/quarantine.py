"""Records that could not be read, kept encrypted with file, line and reason; one file per ingest that had any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from stormwatch.events.frames import FrameWriter, read_frames
from stormwatch.model.errors import NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.times import now_us
from stormwatch.storage.keyring import Keyring

_PURPOSE: Final = "quarantine"
_SUFFIX: Final = ".quarantine"
_HELD_BYTES: Final = 4 * 1024 * 1024

FOLDER: Final = "quarantine"


class Rejected(msgspec.Struct, frozen=True):
    """A record as it came, or with `more` a part of one too long for the memory; `source` is the file it was in."""

    source: str
    line: int
    reason: str
    time_us: int
    data: bytes
    more: bool = False


@dataclass(frozen=True, slots=True)
class RejectedPlace:
    """Where a rejected record stood and why it was rejected; its text stays closed."""

    source: str
    line: int
    reason: str
    time_us: int
    size: int


class Quarantine:
    """Writes rejected records. The file is made with the first of them."""

    def __init__(self, home: Path, keyring: Keyring) -> None:
        self._folder = home / FOLDER
        self._keyring = keyring
        self._writer: FrameWriter | None = None
        self._held: list[Rejected] = []
        self._size = 0
        self.path: Path | None = None

    def put(self, source: str, line: int, reason: str, data: bytes, *, more: bool = False) -> None:
        """Keeps a record; it is on disk after the next `flush`."""
        self._held.append(Rejected(source, line, reason, now_us(), data, more))
        self._size += len(data) + len(reason) + len(source) + 64
        if self._size >= _HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Brings what was put to disk."""
        if not self._held:
            return
        if self._writer is None:
            self.path = self._folder / f"{new_id('rejected')}{_SUFFIX}"
            self._writer = FrameWriter(self.path, self._keyring, _PURPOSE)
        self._writer.write(self._writer.seal(0, msgspec.msgpack.encode(self._held)))
        self._held, self._size = [], 0

    def close(self) -> None:
        """Flushes and lets go of the file."""
        self.flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def quarantine_files(home: Path) -> list[Path]:
    """All quarantine files of a home, oldest first."""
    return sorted((home / FOLDER).glob(f"*{_SUFFIX}"))


def read_quarantine(path: Path, keyring: Keyring) -> Iterator[Rejected]:
    """The rejected records of a file, as they came; NotFound when there is no such file."""
    if not path.is_file():
        raise NotFound("there is no such quarantine file", where=str(path))
    decode = msgspec.msgpack.Decoder(list[Rejected]).decode
    for frame in read_frames(path, keyring, _PURPOSE):
        yield from decode(frame.payload)


def rejected_places(path: Path, keyring: Keyring) -> Iterator[RejectedPlace]:
    """File, line, reason, time and size in bytes of each rejected record; for long ones parts are added up."""
    size = 0
    for record in read_quarantine(path, keyring):
        size += len(record.data)
        if not record.more:
            yield RejectedPlace(record.source, record.line, record.reason, record.time_us, size)
            size = 0
