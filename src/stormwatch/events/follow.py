"""Files that grow into the store, until somebody says stop: read, stored durably, then the position is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stormwatch.events.followed_file import FollowedFile, Standing, is_plain_file
from stormwatch.events.ingest import IngestReport, Intake
from stormwatch.events.positions import Position, Positions
from stormwatch.events.quarantine import Quarantine
from stormwatch.events.readers.choice import Formats
from stormwatch.events.store import EventStore
from stormwatch.model.errors import InvalidInput
from stormwatch.model.progress import ProgressReport

_POLL_SECONDS: Final = 0.2
_COMMIT_SECONDS: Final = 0.5
_COMPRESSED: Final = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


@dataclass(frozen=True, slots=True)
class Following:
    """What a follower tells whoever waits for it, and how it is told to stop."""

    stop: threading.Event
    note: Callable[[str], None]
    progress: ProgressReport


def follow_files(
    store: EventStore,
    paths: Sequence[Path],
    *,
    collector: str,
    format: str,  # noqa: A002 - the word people use
    formats: Formats,
    following: Following,
) -> dict[Path, IngestReport]:
    """Takes in what is appended to the files until `following.stop` is set; then gives what became of it.

    InvalidInput for a path that cannot be followed. What was read and not yet stored when the process dies is read
    again the next time, so every record is stored, and none twice.
    """
    positions = Positions.of(store.home, store.keyring, collector)
    for path in paths:
        _check(path, following)
    with closing(Quarantine(store.home, store.keyring)) as kept:
        stretches = [
            _Stretch(path, positions, Intake(store, collector, format, str(path), kept, formats), store, following)
            for path in paths
        ]
        try:
            while not following.stop.is_set():
                found = [stretch.step() for stretch in stretches]
                if not any(found):
                    following.stop.wait(_POLL_SECONDS)
                following.progress("events stored", sum(stretch.report.accepted for stretch in stretches), None)
            for stretch in stretches:
                stretch.commit()
            return {stretch.path: stretch.report for stretch in stretches}
        finally:
            for stretch in stretches:
                stretch.close()


class _Stretch:
    """One followed file with its intake, and how far it was stored."""

    def __init__(
        self, path: Path, positions: Positions, intake: Intake, store: EventStore, following: Following
    ) -> None:
        self.path = path
        self.report = IngestReport()
        self._positions = positions
        self._intake = intake
        self._saved = positions.load(path)
        self._file = FollowedFile(path, self._saved, positions.fingerprint, store.max_record_bytes, note=following.note)
        self._committed_at = time.monotonic()

    def step(self) -> bool:
        """Reads what is there now; whether there was anything."""
        found = False
        for piece, standing in self._file.read():
            found = True
            self._intake.take(piece, standing)
        self._intake.end_waiting()
        if time.monotonic() - self._committed_at >= _COMMIT_SECONDS:
            self.commit()
        return found

    def commit(self) -> None:
        """Stores what was read and keeps the position behind it, in this order."""
        position = self._position()
        self.report = self._intake.finish()
        if position is not None and position != self._saved:
            self._positions.save(self.path, position)
            self._saved = position
        self._committed_at = time.monotonic()

    def close(self) -> None:
        """Lets go of the file."""
        self._intake.close()
        self._file.close()

    def _position(self) -> Position | None:
        """Where to go on from, before anything that is held back for more of it."""
        held: list[Standing] = self._intake.held_marks()
        earliest = min(held, key=lambda mark: (mark.generation, mark.position.offset), default=None)
        current = self._file.position()
        generation = self._file.generation()
        if earliest is not None and (current is None or earliest.generation <= generation):
            return earliest.position
        return current


def _check(path: Path, following: Following) -> None:
    if not is_plain_file(path):
        raise InvalidInput("only a file can be followed", where=str(path), remedy="name a file in a folder that exists")
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        following.note(f"waiting for {path}")
        return
    except OSError as error:
        raise InvalidInput(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    if head.startswith(_COMPRESSED):
        raise InvalidInput("a compressed file cannot be followed", where=str(path), remedy="ingest it without --follow")
