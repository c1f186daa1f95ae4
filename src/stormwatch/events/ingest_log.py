"""The ingest log: one file of frames per process, sealed by whoever compacts, removed once the lake holds its rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from stormwatch.events.frames import FrameWriter
from stormwatch.model.ids import new_id
from stormwatch.storage.keyring import Keyring

PURPOSE: Final = "ingest-log"
KIND_EVENTS: Final = 1
KIND_ACCOUNTS: Final = 2
KIND_CLIENTS: Final = 3
KIND_MESSAGES: Final = 4
KIND_LINKS: Final = 5

_OPEN: Final = ".log"
_SEALED: Final = ".sealed"
_DAMAGED: Final = ".damaged"
_ROTATE_BYTES: Final = 64 * 1024 * 1024
_ROTATE_FRAMES: Final = 32  # with batches of 4,096 rows two lake segments of 65,536


class IngestLog:
    """The log's folder. Every method is called while the home's ingest lock is held, so files are whole in between."""

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self.folder = folder
        self._keyring = keyring
        self._writer: FrameWriter | None = None
        self._frames = 0

    def append(self, *frames: tuple[int, bytes]) -> tuple[str, int]:
        """Writes frames of (kind, payload) durably in one go; the name of the file and its length afterwards."""
        writer = self._current()
        length = writer.write(b"".join([writer.seal(kind, payload) for kind, payload in frames]))
        self._frames += 1
        return writer.path.stem, length

    def files(self) -> list[Path]:
        """All files not yet removed, oldest first (their names sort by time of making)."""
        found = [path for path in self.folder.glob("log-*") if path.suffix in {_OPEN, _SEALED}]
        return sorted(found, key=lambda path: path.stem)

    def seal(self) -> list[Path]:
        """Takes every file out of its writer's hands, this process's and others', and gives them oldest first.

        A writer notices at its next append that its file has gone and starts another.
        """
        for path in self.files():
            if path.suffix == _OPEN:
                path.rename(path.with_suffix(_SEALED))
        return self.files()

    def set_aside(self, path: Path) -> None:
        """Keeps a file in which frames were damaged, for a person to look at, out of later compactions."""
        path.rename(path.with_suffix(_DAMAGED))

    def close(self) -> None:
        """Closes this process's file; its rows stay."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _current(self) -> FrameWriter:
        writer = self._writer
        if writer is not None and self._is_usable(writer):
            return writer
        self.close()
        self._writer = FrameWriter(self.folder / f"{new_id('log')}{_OPEN}", self._keyring, PURPOSE)
        self._frames = 0
        return self._writer

    def _is_usable(self, writer: FrameWriter) -> bool:
        full = writer.size >= _ROTATE_BYTES or self._frames >= _ROTATE_FRAMES
        return not full and writer.path.exists() and os.fstat(writer.fileno()).st_size == writer.size
