"""One lock over all processes of a home, with a flag that tells the next holder that the last one died inside."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_DIRTY: Final = b"d"
_CLEAN: Final = b"c"


class HomeLock:
    """flock on one file, exclusive over threads and processes. The kernel releases it when its holder dies."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Waits for the lock and holds it for the block."""
        with self._threads:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def is_dirty(self) -> bool:
        """Whether a change was begun and not ended; ask while holding the lock."""
        return os.pread(self._handle, 1, 0) == _DIRTY

    def begin(self) -> None:
        """Says that a change of several files starts now."""
        os.pwrite(self._handle, _DIRTY, 0)

    def end(self) -> None:
        """Says that the change is whole."""
        os.pwrite(self._handle, _CLEAN, 0)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._handle)
