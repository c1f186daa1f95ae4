"""Streams of records into the store: split, read, redact, append in batches; what cannot be read goes to quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa

from stormwatch.events.quarantine import Quarantine
from stormwatch.events.readers.choice import Format
from stormwatch.events.reading import ReadBlock, Reject, block_reader
from stormwatch.events.records import AccountUpdate
from stormwatch.events.sources import CutOff, file_chunks
from stormwatch.events.span_parts import SpanParts, together
from stormwatch.events.splitting import split_blocks
from stormwatch.events.store import BATCH_ROWS, AppendReport, EventStore
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.worker_processes import ordered_map

_LARGE_FILE: Final = 16 * 1024 * 1024  # below it, starting processes takes longer than reading
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
    source: str,
) -> IngestReport:
    """Takes in a body that was received whole."""
    return ingest_stream(store, iter((data,)), collector=collector, format=format, source=source)


def ingest_stream(
    store: EventStore,
    chunks: Iterator[bytes],
    *,
    collector: str,
    format: str = "auto",  # noqa: A002 - the word people use
    source: str,
    quarantine: Quarantine | None = None,
    processes: int = 1,
) -> IngestReport:
    """Takes in decompressed chunks; when it returns, what it counts as accepted or rejected is on disk."""
    kept = quarantine or Quarantine(store.home, store.keyring)
    intake = _Intake(store, collector, source, kept)
    reader = partial(
        block_reader, store.keyring, collector, Format(format), store.max_record_bytes, store.account_attributes
    )
    blocks = split_blocks(chunks, store.max_record_bytes)
    try:
        try:
            for block in ordered_map(reader, blocks, processes) if processes > 1 else map(reader(), blocks):
                intake.take(block)
        except CutOff as error:
            intake.cut_off(error)
        return intake.finish()
    finally:
        intake.close()
        if quarantine is None:
            kept.close()


class _Intake:
    """One stream on its way in. While one batch goes to disk, which needs no interpreter, the next is read."""

    def __init__(self, store: EventStore, collector: str, source: str, quarantine: Quarantine) -> None:
        self._store = store
        self._source = source
        self._collector = collector
        self._quarantine = quarantine
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="append")
        self._under_way: Future[AppendReport] | None = None
        self._events: list[pa.RecordBatch] = []
        self._accounts: list[AccountUpdate] = []
        self._parts: list[SpanParts] = []
        self._ignored = 0
        self._waiting = 0
        self._line = 0
        self._too_long: int | None = None
        self._accepted = 0
        self._duplicate = 0
        self._conflicting = 0
        self._rejected = 0
        self._reasons: list[Reason] = []
        self._broken_off: Reason | None = None

    def take(self, block: ReadBlock) -> None:
        """What the next block held."""
        self._line = block.last_line or self._line
        for reject in block.rejects:
            self._reject(reject)
        if block.events is not None:
            self._events.append(block.events)
        self._accounts += block.accounts
        if block.parts is not None:
            self._parts.append(block.parts)
            self._accepted += len(block.parts.messages)
        self._ignored += block.ignored
        self._waiting += block.rows
        if self._waiting >= BATCH_ROWS:
            self._append()

    def cut_off(self, error: CutOff) -> None:
        """The stream broke off behind the last record taken."""
        self._broken_off = Reason(max(self._line, 1), f"{error.what} in or after this record; send the file again")
        self._reject(Reject(self._broken_off.line, self._broken_off.reason, b""))

    def finish(self) -> IngestReport:
        """Stores the rest and gives the count."""
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
