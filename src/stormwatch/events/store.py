"""The store of events: what it acknowledges is on disk in the ingest log, once, and reaches the lake by compaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

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
from stormwatch.events.records import AccountUpdate, EventRecord, accounts_batch, events_batch, from_ipc, to_ipc
from stormwatch.events.seen import SeenIndex
from stormwatch.events.span_join import SpanJoin, waiting_folder
from stormwatch.events.span_parts import SpanKeys, SpanParts, clients_batch, links_batch, messages_batch
from stormwatch.events.span_waiting import WaitingParts
from stormwatch.model.times import now_us
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

BATCH_ROWS: Final = 4096


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
        self._key_of_keys = keyring.subkey("event-key")
        self._key_of_spans = keyring.subkey("span-key")
        self._lock = HomeLock(folder / "append.lock")
        self._compacting = HomeLock(folder / "compact.lock")
        self._log = IngestLog(folder / "log", keyring)
        self._seen = SeenIndex(folder / "seen")
        self._recovered = False

    def append(self, collector: str, events: Sequence[EventRecord], parts: SpanParts | None = None) -> AppendReport:
        """Stores what is new of a batch, with the parts that came beside it; when it returns, that is on disk.

        Raises StormwatchError when the disk refuses; then nothing of the batch was stored.
        """
        keys = [self._key(collector, event.event_id) for event in events]
        with self._lock.held():
            moment = now_us()
            self._recover(moment)
            known = self._seen.contents(keys, moment)
            fresh: list[EventRecord] = []
            fresh_keys: list[bytes] = []
            conflicting: list[bool] = []
            for event, key in zip(events, keys, strict=True):
                contents = known.get(key)
                if contents is None:
                    known[key] = {event.content}
                elif event.content in contents:
                    continue
                else:
                    contents.add(event.content)
                fresh.append(event)
                fresh_keys.append(key)
                conflicting.append(contents is not None)
            frames = self._part_frames(collector, parts, fresh, fresh_keys, moment) if parts else []
            if fresh:
                batch = events_batch(collector, fresh, fresh_keys, conflicting, moment)
                frames.append((KIND_EVENTS, to_ipc(batch)))
            if frames:
                pairs = [(key, event.content) for key, event in zip(fresh_keys, fresh, strict=True)]
                self._write(frames, pairs, moment)
        return AppendReport(len(fresh), len(events) - len(fresh), sum(conflicting))

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

    def _key(self, collector: str, event_id: str) -> bytes:
        raw = collector.encode()
        return blake2b(len(raw).to_bytes(4) + raw + event_id.encode(), digest_size=16, key=self._key_of_keys).digest()

    def _part_frames(
        self, collector: str, parts: SpanParts, events: Sequence[EventRecord], keys: Sequence[bytes], moment: int
    ) -> list[tuple[int, bytes]]:
        spans = SpanKeys(collector, self._key_of_spans)
        of_messages = [self._key(collector, part.event_id) for part in parts.messages]
        batches = (
            (KIND_CLIENTS, clients_batch(parts.clients, spans, moment)),
            (KIND_MESSAGES, messages_batch(parts.messages, of_messages, spans, collector, moment)),
            (KIND_LINKS, links_batch(events, keys, parts.awaited, spans, moment)),
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
