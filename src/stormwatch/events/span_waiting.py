"""Clients, messages and links that may still meet their other half: kept sealed for a while, a file per compaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from stormwatch.events.frames import FrameWriter, read_frames
from stormwatch.events.ingest_log import KIND_CLIENTS, KIND_LINKS, KIND_MESSAGES, PURPOSE
from stormwatch.events.records import from_ipc, to_ipc
from stormwatch.events.span_parts import CLIENTS, LINKS, MESSAGES
from stormwatch.model.ids import new_id
from stormwatch.model.times import MINUTE
from stormwatch.storage.durability import make_directory
from stormwatch.storage.keyring import Keyring

# A parent ends after its child, and each exporter sends when it likes, within seconds; what is late by more than a
# long answer and some retries is not coming.
WINDOW_US: Final = 15 * MINUTE

_PURPOSE: Final = "span-parts"
_SUFFIX: Final = ".parts"
_SCHEMAS: Final = {KIND_CLIENTS: CLIENTS, KIND_MESSAGES: MESSAGES, KIND_LINKS: LINKS}


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows of CLIENTS, MESSAGES and LINKS."""

    clients: pa.Table
    messages: pa.Table
    links: pa.Table

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not (self.clients.num_rows or self.messages.num_rows or self.links.num_rows)

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            pa.concat_tables([self.clients, other.clients]),
            pa.concat_tables([self.messages, other.messages]),
            pa.concat_tables([self.links, other.links]),
        )


class WaitingParts:
    """The folder of files that compactions left."""

    def __init__(self, folder: Path, keyring: Keyring) -> None:
        self._folder = folder
        self._keyring = keyring

    def files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._folder.glob(f"*{_SUFFIX}"))

    def expired(self, now_us: int) -> list[Path]:
        """Files whose parts have waited long enough."""
        return [path for path in self.files() if path.stat().st_mtime_ns // 1000 < now_us - WINDOW_US]

    def keep(self, parts: Parts) -> Path:
        """Writes parts durably."""
        make_directory(self._folder)
        writer = FrameWriter(self._folder / f"{new_id('wait')}{_SUFFIX}", self._keyring, _PURPOSE)
        try:
            tables = ((KIND_CLIENTS, parts.clients), (KIND_MESSAGES, parts.messages), (KIND_LINKS, parts.links))
            for kind, table in tables:
                for batch in table.combine_chunks().to_batches():
                    writer.write(writer.seal(kind, to_ipc(batch)))
        finally:
            writer.close()
        return writer.path

    def read(self, paths: Iterable[Path]) -> Parts:
        """The parts in some of the files."""
        return _read(paths, self._keyring, _PURPOSE)

    def is_due(self, now_us: int) -> bool:
        """Whether parts have waited long enough, so that a compaction has something to do."""
        return self._folder.is_dir() and bool(self.expired(now_us))


def parts_in_logs(paths: Sequence[Path], keyring: Keyring) -> Parts:
    """The parts in files of the ingest log; frames of events are not opened for it."""
    return _read(paths, keyring, PURPOSE)


def remove(paths: Iterable[Path]) -> None:
    """Removes files that are done with."""
    for path in paths:
        path.unlink(missing_ok=True)


def _read(paths: Iterable[Path], keyring: Keyring, purpose: str) -> Parts:
    found: dict[int, list[pa.Table]] = {kind: [schema.empty_table()] for kind, schema in _SCHEMAS.items()}
    for path in paths:
        for frame in read_frames(path, keyring, purpose, kinds=_SCHEMAS.keys()):
            found[frame.kind].append(from_ipc(frame.payload))
    clients, messages, links = (pa.concat_tables(found[kind]) for kind in (KIND_CLIENTS, KIND_MESSAGES, KIND_LINKS))
    return Parts(clients, messages, links)
