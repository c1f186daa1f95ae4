"""Streams of records into the store: split, read, redact, append in batches; what cannot be read goes to quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from stormwatch.events.quarantine import Quarantine
from stormwatch.events.readers.choice import Formats, shipped_formats
from stormwatch.events.reading import Reading, ReadRecords, RecordReader, Reject, block_reader
from stormwatch.events.records import AccountUpdate
from stormwatch.events.sources import CutOff, file_chunks
from stormwatch.events.span_parts import SpanParts, together
from stormwatch.events.splitting import Piece, split_blocks, split_records
from stormwatch.events.store import BATCH_ROWS, AppendReport, EventStore
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.worker_processes import ordered_map

_LARGE_FILE: Final = 16 * 1024 * 1024  # below it, starting processes takes longer than reading
_BATCH_BYTES: Final = 8 * 1024 * 1024
REASONS_KEPT: Final = 1000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the record that starts at a line was rejected."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of a stream's records. `conflicting` ones are among the accepted.

    `ignored` spans and log records tell of no request to a model. `first_reasons` holds at most REASONS_KEPT; the rest
    stand in the quarantine file. `broken_off` says where and how a stream ended before its end: what would have
    followed was never seen.
    """

    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0
    rejected: int = 0
    quarantine: Path | None = None
    first_reasons: tuple[Reason, ...] = ()
    broken_off: Reason | None = None
    ignored: int = 0

    @property
    def read(self) -> int:
        """Records that could be read, new or not."""
        return self.accepted + self.duplicate


def ingest_file(
    store: EventStore,
    path: Path,
    *,
    collector: str,
    format: str = "auto",  # noqa: A002 - the word people use
    formats: Formats | None = None,
    progress: Progress | None = None,
    quarantine: Quarantine | None = None,
    processes: int = 1,
) -> IngestReport:
    """Takes in one file; InvalidInput when it cannot be opened or holds nothing at all.

    `progress` gets the bytes read and their total. Rejected records go to `quarantine`, by default to one of its own.
    With more than one of `processes` a large file is read by so many; the result is the same.
    """
    chunks = file_chunks(path, progress)
    large = processes > 1 and path.is_file() and path.stat().st_size >= _LARGE_FILE
    report = ingest_stream(
        store,
        chunks,
        collector=collector,
        format=format,
        formats=formats,
        source=str(path),
        quarantine=quarantine,
        processes=processes if large else 1,
    )
    if not (report.read or report.rejected or report.ignored):
        raise InvalidInput("the file is empty", where=str(path), remedy="check what wrote it")
    return report


def ingest_bytes(
    store: EventStore,
    data: bytes,
    *,
    collector: str,
    format: str = "auto",  # noqa: A002 - the word people use
    formats: Formats | None = None,
    source: str,
) -> IngestReport:
    """Takes in a body that was received whole."""
    return ingest_stream(store, iter((data,)), collector=collector, format=format, formats=formats, source=source)


def ingest_stream(
    store: EventStore,
    chunks: Iterator[bytes],
    *,
    collector: str,
    format: str = "auto",  # noqa: A002 - the word people use
    formats: Formats | None = None,
    source: str,
    quarantine: Quarantine | None = None,
    processes: int = 1,
) -> IngestReport:
    """Takes in decompressed chunks; when it returns, what it counts as accepted or rejected is on disk.

    `formats` are those of the installation, by default the shipped ones.
    """
    kept = quarantine or Quarantine(store.home, store.keyring)
    intake = Intake(store, collector, format, source, kept, formats or shipped_formats())
    try:
        try:
            if processes > 1:
                blocks = split_blocks(chunks, store.max_record_bytes)
                for records in ordered_map(partial(block_reader, intake.reading), blocks, processes):
                    intake.take_read(records)
            else:
                for piece in split_records(chunks, store.max_record_bytes):
                    intake.take(piece)
        except CutOff as error:
            intake.cut_off(error)
        intake.end()
        return intake.finish()
    finally:
        intake.close()
        if quarantine is None:
            kept.close()


class Intake:
    """One stream on its way in. While one batch goes to disk, which needs no interpreter, the next is read."""

    def __init__(
        self, store: EventStore, collector: str, form: str, source: str, quarantine: Quarantine, formats: Formats
    ) -> None:
        self.reading: Final = Reading(
            store.keyring, collector, form, formats, store.max_record_bytes, store.account_attributes
        )
        self._reader = RecordReader(self.reading)
        self._store = store
        self._collector = collector
        self._source = source
        self._quarantine = quarantine
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="append")
        self._under_way: Future[AppendReport] | None = None
        self._events: list[pa.RecordBatch] = []
        self._accounts: list[AccountUpdate] = []
        self._parts: list[SpanParts] = []
        self._waiting = 0
        self._line = 0
        self._too_long: int | None = None
        self._accepted = 0
        self._duplicate = 0
        self._conflicting = 0
        self._rejected = 0
        self._ignored = 0
        self._reasons: list[Reason] = []
        self._broken_off: Reason | None = None

    def take(self, piece: Piece, mark: Any = None) -> None:
        """One record, or a part of one that is too long; the mark says where it stands, if not by its line."""
        self._reader.take(piece, mark)
        if self._reader.records >= BATCH_ROWS or self._reader.size >= _BATCH_BYTES:
            self._collect()

    def take_read(self, records: ReadRecords) -> None:
        """Records that another process has read."""
        self._gather(records)
        for piece in records.unread:
            self._reader.take(piece)
        if records.unread:
            self._collect()

    def cut_off(self, error: CutOff) -> None:
        """The stream broke off behind the last record taken."""
        self._collect()
        self._broken_off = Reason(max(self._line, 1), f"{error.what} in or after this record; send the file again")
        self._reject(Reject(self._broken_off.line, self._broken_off.reason, b""))

    def end(self) -> None:
        """The stream is over: what was held back for more of it is read as it is."""
        self._reader.end()

    def end_waiting(self) -> None:
        """Reads what was held back for more of the stream and has waited long enough."""
        self._reader.end_waiting()

    def held_marks(self) -> list[Any]:
        """The marks of records that are held back."""
        return self._reader.held_marks()

    def finish(self) -> IngestReport:
        """Stores what was read and gives the count so far."""
        self._collect()
        self._append()
        self._await()
        self._quarantine.flush()
        return IngestReport(
            self._accepted,
            self._duplicate,
            self._conflicting,
            self._rejected,
            self._quarantine.path if self._rejected else None,
            tuple(self._reasons),
            self._broken_off,
            self._ignored,
        )

    def close(self) -> None:
        """Waits for what is under way."""
        self._worker.shutdown()

    def _collect(self) -> None:
        self._gather(self._reader.collect())

    def _gather(self, records: ReadRecords) -> None:
        self._line = max(records.last_line, self._line)
        for reject in records.rejects:
            self._reject(reject)
        if records.events is not None:
            self._events.append(records.events)
        self._accounts += records.accounts
        if records.parts is not None:
            self._parts.append(records.parts)
            self._accepted += len(records.parts.messages)
        self._ignored += records.ignored
        self._waiting += records.rows
        if self._waiting >= BATCH_ROWS:
            self._append()

    def _reject(self, reject: Reject) -> None:
        if self._too_long != reject.line:  # the parts of one record are one rejection
            self._rejected += 1
            if len(self._reasons) < REASONS_KEPT:
                self._reasons.append(Reason(reject.line, reject.reason))
        self._too_long = reject.line if reject.more else None
        self._quarantine.put(self._source, reject.line, reject.reason, reject.data, more=reject.more)

    def _append(self) -> None:
        self._await()
        taken = (self._events, self._accounts, together(self._parts))
        self._under_way = self._worker.submit(_store, self._store, self._collector, *taken)
        self._events, self._accounts, self._parts, self._waiting = [], [], [], 0

    def _await(self) -> None:
        if self._under_way is not None:
            report = self._under_way.result()
            self._accepted += report.accepted
            self._duplicate += report.duplicate
            self._conflicting += report.conflicting
            self._under_way = None


def _store(
    store: EventStore,
    collector: str,
    events: list[pa.RecordBatch],
    accounts: list[AccountUpdate],
    parts: SpanParts | None,
) -> AppendReport:
    of_accounts = store.append_accounts(accounts) if accounts else AppendReport()
    if events:
        of_events = store.append_batch(collector, pa.concat_batches(events), parts)
    else:
        of_events = store.append(collector, [], parts) if parts else AppendReport()
    return AppendReport(of_accounts.accepted + of_events.accepted, of_events.duplicate, of_events.conflicting)
