"""The store of events: what it acknowledges is on disk in the ingest log, once, and reaches the lake by compaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from stormwatch.events.compaction import CompactionReport, compact_logs
from stormwatch.events.frames import read_frames
from stormwatch.events.ingest_log import (
    KIND_ACCOUNTS,
    KIND_CLIENTS,
    KIND_EVENTS,
    KIND_LINKS,
    KIND_MESSAGES,
    PURPOSE,
    IngestLog,
)
from stormwatch.events.locking import HomeLock
from stormwatch.events.records import (
    AccountUpdate,
    EventKeys,
    EventRecord,
    accounts_batch,
    arrived,
    events_batch,
    from_ipc,
    to_ipc,
)
from stormwatch.events.seen import SeenIndex
from stormwatch.events.span_join import SpanJoin, waiting_folder
from stormwatch.events.span_parts import SpanKeys, SpanParts, clients_batch, links_batch, messages_batch
from stormwatch.events.span_waiting import WaitingParts
from stormwatch.model.times import now_us
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

BATCH_ROWS: Final = 4096

OnStored = Callable[[bytes], None]
"""Told what was just stored, as an Arrow IPC stream of LOG_EVENTS; it must neither wait nor raise."""


@dataclass(frozen=True, slots=True)
class AppendReport:
    """What became of a batch: stored, known already, and stored though the id was taken by other content.

    `conflicting` events are among the `accepted` ones.
    """

    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0


class EventStore:
    """Events of one home. Threads and processes may append and compact at once."""

    def __init__(
        self,
        home: Path,
        keyring: Keyring,
        lake: Lake,
        *,
        max_record_bytes: int,
        account_attributes: Sequence[str] = (),
    ) -> None:
        folder = home / "ingest"
        self.home = home
        self.keyring = keyring
        self.lake = lake
        self.max_record_bytes = max_record_bytes
        self.account_attributes = tuple(account_attributes)
        self._key_of_spans = keyring.subkey("span-key")
        self._lock = HomeLock(folder / "append.lock")
        self._compacting = HomeLock(folder / "compact.lock")
        self._log = IngestLog(folder / "log", keyring)
        self._seen = SeenIndex(folder / "seen")
        self._recovered = False
        self.on_stored: OnStored | None = None

    def append(self, collector: str, events: Sequence[EventRecord], parts: SpanParts | None = None) -> AppendReport:
        """Stores what is new of some events, as `append_batch` does."""
        keys = EventKeys(self.keyring, collector)
        return self.append_batch(collector, events_batch(collector, events, keys), parts)

    def append_batch(self, collector: str, batch: pa.RecordBatch, parts: SpanParts | None = None) -> AppendReport:
        """Stores what is new of a batch made by `events_batch`, with the parts that came beside it.

        When it returns, that is on disk. Raises StormwatchError when the disk refuses; then nothing of it was stored.
        """
        keys: list[bytes] = batch["key"].to_pylist()
        contents: list[bytes] = batch["content"].to_pylist()
        payload = b""
        with self._lock.held():
            moment = now_us()
            self._recover(moment)
            fresh, conflicting = _fresh(keys, contents, self._seen.contents(keys, moment))
            rows = batch if len(fresh) == len(keys) else batch.take(pa.array(fresh, pa.int64()))
            frames = self._part_frames(collector, parts, rows, moment) if parts else []
            if fresh:
                payload = to_ipc(arrived(rows, moment, conflicting))
                frames.append((KIND_EVENTS, payload))
            if frames:
                self._write(frames, [(keys[number], contents[number]) for number in fresh], moment)
        if payload and self.on_stored is not None:
            self.on_stored(payload)
        return AppendReport(len(fresh), len(keys) - len(fresh), sum(conflicting))

    def append_accounts(self, updates: Sequence[AccountUpdate]) -> AppendReport:
        """Stores account records in their order; repeating one changes nothing, so none counts as a duplicate."""
        if updates:
            with self._lock.held():
                moment = now_us()
                self._recover(moment)
                self._write([(KIND_ACCOUNTS, to_ipc(accounts_batch(updates, moment)))], [], moment)
        return AppendReport(len(updates))

    def compact(self) -> CompactionReport:
        """Moves the log into the lake's tables `events`, `texts`, `event_keys` and `account_records`."""
        with self._compacting.held():
            with self._lock.held():
                moment = now_us()
                self._recover(moment)
                files = self._log.seal()
                self._seen.sync()
                self._seen.expire(moment)
            spans = SpanJoin(self.lake, self.keyring, self.home, moment)
            return compact_logs(self.lake, self.keyring, self._log, files, spans)

    def has_pending(self) -> bool:
        """Whether a compaction has something to do: rows in the log, or parts of spans that have waited long enough."""
        due = WaitingParts(waiting_folder(self.home), self.keyring).is_due(now_us())
        return due or any(path.stat().st_size > 0 for path in self._log.files())

    def close(self) -> None:
        """Lets go of files; nothing is lost by not calling it."""
        self._log.close()
        self._seen.close()
        self._lock.close()
        self._compacting.close()

    def _part_frames(
        self, collector: str, parts: SpanParts, events: pa.RecordBatch, moment: int
    ) -> list[tuple[int, bytes]]:
        spans, keys = SpanKeys(collector, self._key_of_spans), EventKeys(self.keyring, collector)
        of_messages = [keys.of(part.event_id) for part in parts.messages]
        batches = (
            (KIND_CLIENTS, clients_batch(parts.clients, spans, moment)),
            (KIND_MESSAGES, messages_batch(parts.messages, of_messages, spans, collector, moment)),
            (KIND_LINKS, links_batch(events, parts.awaited, spans, moment)),
        )
        return [(kind, to_ipc(batch)) for kind, batch in batches if batch.num_rows]

    def _write(self, frames: Sequence[tuple[int, bytes]], pairs: list[tuple[bytes, bytes]], moment: int) -> None:
        self._lock.begin()
        log, length = self._log.append(*frames)
        self._seen.add(pairs, moment, log, length)
        self._lock.end()

    def _recover(self, moment: int) -> None:
        """After a death between log and index: cuts torn tails and lets the index follow the log again."""
        if self._recovered and not self._lock.is_dirty():
            return
        applied = self._seen.applied(moment)
        for path in self._log.files():
            self._follow(path, applied.get(path.stem, 0))
        self._lock.end()
        self._recovered = True

    def _follow(self, path: Path, start: int) -> None:
        size = path.stat().st_size
        if size <= start:
            return
        end = start
        for frame in read_frames(path, self.keyring, PURPOSE, start):
            table = from_ipc(frame.payload)
            arrived = table["ingested_us"][0].as_py()
            pairs: list[tuple[bytes, bytes]] = []
            if frame.kind == KIND_EVENTS:
                pairs = list(zip(table["key"].to_pylist(), table["content"].to_pylist(), strict=True))
            self._seen.add(pairs, arrived, path.stem, frame.end)
            end = frame.end
        if end < size:
            with path.open("r+b") as file:
                file.truncate(end)


def _fresh(
    keys: Sequence[bytes], contents: Sequence[bytes], known: dict[bytes, set[bytes]]
) -> tuple[list[int], list[bool]]:
    """The places of events that are not known with the same content, and of each whether its key was known."""
    fresh: list[int] = []
    conflicting: list[bool] = []
    for number, (key, content) in enumerate(zip(keys, contents, strict=True)):
        of_key = known.get(key)
        if of_key is None:
            known[key] = {content}
        elif content in of_key:
            continue
        else:
            of_key.add(content)
        fresh.append(number)
        conflicting.append(of_key is not None)
    return fresh, conflicting
