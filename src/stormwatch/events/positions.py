"""How far each followed file was taken in, durable, and recognisable when the file has been renamed or copied since."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from stormwatch.storage.durability import make_directory, sync_directory
from stormwatch.storage.keyring import Keyring

HEAD_BYTES: Final = 1024
Fingerprint = Callable[[bytes], str]


class Position(msgspec.Struct, frozen=True):
    """The start of the first line that is not yet stored. A file is known by its first bytes, whatever its name is."""

    head_bytes: int
    head: str
    offset: int
    line: int


class _Kept(msgspec.Struct, frozen=True):
    path: str
    collector: str
    position: Position


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of one home and collector: a file each, replaced in one step."""

    folder: Path
    collector: str
    fingerprint: Fingerprint

    @classmethod
    def of(cls, home: Path, keyring: Keyring, collector: str) -> Positions:
        """Those below `ingest/followed`; fingerprints are keyed, since the head of a log is text of somebody."""
        folder = home / "ingest" / "followed"
        make_directory(folder)
        key = keyring.subkey("followed-file")

        def fingerprint(head: bytes) -> str:
            return blake2b(head, digest_size=16, key=key).hexdigest()

        return cls(folder, collector, fingerprint)

    def load(self, path: Path) -> Position | None:
        """The position in a file; None when it was never followed, or what was kept is damaged.

        Then it is read from its start, and what was stored already counts as duplicate.
        """
        try:
            kept = msgspec.json.decode(self._file(path).read_bytes(), type=_Kept)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return kept.position

    def save(self, path: Path, position: Position) -> None:
        """Keeps a position; it is on disk when this returns."""
        file = self._file(path)
        fresh = file.with_suffix(f".{os.getpid()}")
        with fresh.open("wb") as out:
            out.write(msgspec.json.encode(_Kept(str(path.absolute()), self.collector, position)))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
        sync_directory(self.folder)

    def _file(self, path: Path) -> Path:
        name = blake2b(f"{self.collector}\0{path.absolute()}".encode(errors="surrogateescape"), digest_size=12)
        return self.folder / f"{name.hexdigest()}.json"
