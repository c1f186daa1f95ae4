"""Sealed frames in an append-only file: magic, length, CRC, AES-GCM ciphertext; reading passes over torn bytes."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from stormwatch.model.errors import IntegrityError, StormwatchError
from stormwatch.storage.durability import make_directory, sync_directory
from stormwatch.storage.keyring import Keyring

_MAGIC: Final = b"SWF1"
_HEADER: Final = struct.Struct("<4sBII")  # magic, kind, length of the ciphertext, CRC-32 of kind and ciphertext
MAX_FRAME_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame's kind and opened payload, and where in its file it lies."""

    kind: int
    payload: bytes
    start: int
    end: int


class FrameWriter:
    """Appends frames to one file. What `append` returned for is on disk, also after a power failure."""

    def __init__(self, path: Path, keyring: Keyring, purpose: str) -> None:
        self.path = path
        self._keyring = keyring
        self._purpose = purpose
        self._compress = zstandard.ZstdCompressor(level=1).compress
        make_directory(path.parent)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = 0
        sync_directory(path.parent)

    def fileno(self) -> int:
        """The descriptor, for locks."""
        return self._handle

    def seal(self, kind: int, payload: bytes) -> bytes:
        """The bytes of a frame, not yet written; whoever holds no lock may do this work ahead."""
        sealed = self._keyring.encrypt(self._purpose, self._compress(payload), _context(self.path, kind))
        return _HEADER.pack(_MAGIC, kind, len(sealed), zlib.crc32(sealed, kind)) + sealed

    def write(self, frame: bytes) -> int:
        """Writes a sealed frame and syncs it; the file's length afterwards.

        Raises StormwatchError when the disk refuses; the file is then as long as before.
        """
        try:
            view = memoryview(frame)
            while view:
                view = view[os.write(self._handle, view) :]
            os.fdatasync(self._handle)
        except OSError as error:
            os.ftruncate(self._handle, self.size)
            raise StormwatchError(
                f"the disk did not take a batch: {error.strerror}; nothing of the batch was stored",
                where=str(self.path),
                remedy="make room and send the batch again",
            ) from error
        self.size += len(frame)
        return self.size

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)


def read_frames(
    path: Path, keyring: Keyring, purpose: str, start: int = 0, *, kinds: Collection[int] | None = None
) -> Iterator[Frame]:
    """Opens the whole frames of a file from offset `start` on, passing over bytes that are no whole frame.

    With `kinds`, frames of other kinds are passed over unopened.

    A torn tail thus ends the reading without error, and one damaged frame does not hide those behind it (a frame then
    starts later than its predecessor ended). Raises IntegrityError for a frame that is whole and yet does not open:
    that is another key or tampering.
    """
    decompress = zstandard.ZstdDecompressor().decompress
    with path.open("rb") as file:
        for kind, sealed, begin, end in _whole_frames(file, start):
            if kinds is not None and kind not in kinds:
                continue
            try:
                payload = decompress(keyring.decrypt(purpose, sealed, _context(path, kind)))
            except IntegrityError as error:
                raise IntegrityError(error.what, where=f"{path}, byte {begin}", remedy=error.remedy) from error
            yield Frame(kind, payload, begin, end)


def _whole_frames(file: BinaryIO, start: int) -> Iterator[tuple[int, bytes, int, int]]:
    position = start
    while True:
        file.seek(position)
        found = _read_one(file)
        if found is None:
            following = _next_magic(file, position + 1)
            if following is None:
                return
            position = following
            continue
        yield (*found, position, file.tell())
        position = file.tell()


def _read_one(file: BinaryIO) -> tuple[int, bytes] | None:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    magic, kind, length, checksum = _HEADER.unpack(header)
    if magic != _MAGIC or length > MAX_FRAME_BYTES:
        return None
    sealed = file.read(length)
    if len(sealed) < length or zlib.crc32(sealed, kind) != checksum:
        return None
    return kind, sealed


def _next_magic(file: BinaryIO, position: int) -> int | None:
    file.seek(position)
    overlap = b""
    while block := file.read(1 << 20):
        at = (overlap + block).find(_MAGIC)
        if at >= 0:
            return position - len(overlap) + at
        position += len(block)
        overlap = block[-len(_MAGIC) + 1 :]
    return None


def _context(path: Path, kind: int) -> bytes:
    # The name binds a frame to its file; the suffix is left out because sealing a log renames it.
    return f"{path.stem}/{kind}".encode()
