"""Streams of records into the store: split, read, redact, append in batches; what cannot be read goes to quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from stormwatch.events.normalise import Normaliser
from stormwatch.events.otlp_records import OtlpReader
from stormwatch.events.quarantine import Quarantine
from stormwatch.events.readers.account_record import read_account_record
from stormwatch.events.readers.choice import Format, recognise
from stormwatch.events.readers.decoding import decode_object
from stormwatch.events.readers.litellm import read_litellm
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.records import AccountUpdate, EventRecord
from stormwatch.events.sources import CutOff, file_chunks
from stormwatch.events.span_parts import SpanParts, together
from stormwatch.events.splitting import Piece, split_records
from stormwatch.events.store import BATCH_ROWS, AppendReport, EventStore
from stormwatch.model.errors import InvalidInput

_BATCH_BYTES: Final = 8 * 1024 * 1024
_LONG_PIECE: Final = 2 * 1024 * 1024
REASONS_KEPT: Final = 1000
_NOT_KEPT: Final = b"too long to look for raw keys in it, so it was not kept"

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
) -> IngestReport:
    """Takes in one file; InvalidInput when it cannot be opened or holds nothing at all.

    `progress` gets the bytes read and their total. Rejected records go to `quarantine`, by default to one of its own.
    """
    chunks = file_chunks(path, progress)
    report = ingest_stream(store, chunks, collector=collector, format=format, source=str(path), quarantine=quarantine)
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
) -> IngestReport:
    """Takes in decompressed chunks; when it returns, what it counts as accepted or rejected is on disk."""
    kept = quarantine or Quarantine(store.home, store.keyring)
    intake = _Intake(store, collector, Format(format), source, kept)
    try:
        try:
            for piece in split_records(chunks, store.max_record_bytes):
                intake.take(piece)
        except CutOff as error:
            intake.cut_off(error)
        return intake.finish()
    finally:
        intake.close()
        if quarantine is None:
            kept.close()


class _Intake:
    """One stream on its way in. While one batch goes to disk, which needs no interpreter, the next is read."""

    def __init__(self, store: EventStore, collector: str, form: Format, source: str, quarantine: Quarantine) -> None:
        self._store = store
        self._collector = collector
        self._format = form
        self._guess: Format | None = None
        self._source = source
        self._normaliser = Normaliser(store.keyring)
        self._quarantine = quarantine
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="append")
        self._under_way: Future[AppendReport] | None = None
        self._events: list[EventRecord] = []
        self._accounts: list[AccountUpdate] = []
        self._bytes = 0
        self._line = 0
        self._too_long: int | None = None
        self._accepted = 0
        self._duplicate = 0
        self._conflicting = 0
        self._rejected = 0
        self._reasons: list[Reason] = []
        self._broken_off: Reason | None = None
        self._parts: list[SpanParts] = []
        self._ignored = 0

    def take(self, piece: Piece) -> None:
        """One record, or a part of one that is too long."""
        self._line = piece.line
        if piece.oversize:
            self._take_oversize(piece)
            return
        try:
            self._read(piece.data)
        except InvalidInput as error:
            self._reject(piece.line, str(error), self._keepable(piece.data))
            return
        self._bytes += len(piece.data)
        if len(self._events) + len(self._accounts) >= BATCH_ROWS or self._bytes >= _BATCH_BYTES:
            self._append()

    def cut_off(self, error: CutOff) -> None:
        """The stream broke off behind the last record taken."""
        self._broken_off = Reason(max(self._line, 1), f"{error.what} in or after this record; send the file again")
        self._reject(self._broken_off.line, self._broken_off.reason, b"")

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

    def _read(self, data: bytes) -> None:
        if self._format is not Format.AUTO:
            self._read_as(self._format, data)
            return
        form = self._guess or recognise(decode_object(data))
        try:
            self._read_as(form, data)
        except InvalidInput:
            other = recognise(decode_object(data))
            if other is form:
                raise
            form = other
            self._read_as(form, data)
        # An event would pass for an account record with unknown fields, so that is no guess for the next record.
        self._guess = None if form is Format.ACCOUNT_RECORD else form

    def _read_as(self, form: Format, data: bytes) -> None:
        if form is Format.OTLP:
            self._take_otlp(data)
        elif form is Format.ACCOUNT_RECORD:
            self._accounts.append(read_account_record(data, self._normaliser.redactor))
        else:
            sent = read_usage_event(data) if form is Format.USAGE_EVENT else read_litellm(data)
            self._events.append(self._normaliser.event(sent))

    def _take_otlp(self, data: bytes) -> None:
        """A line holds a whole request: many spans, of which one that is bad costs itself alone."""
        records = self._otlp.line(data)
        self._events += records.events
        self._parts.append(records.parts)
        self._accepted += len(records.parts.messages)
        self._ignored += records.ignored
        for item in records.rejected:
            self._reject(self._line, item.reason, item.data)

    def _keepable(self, data: bytes) -> bytes:
        """What may go to quarantine: OpenTelemetry's spans carry raw keys, other formats are kept as they came."""
        return self._otlp.without_secrets(data) if self._is_otlp else data

    @property
    def _is_otlp(self) -> bool:
        return Format.OTLP in (self._format, self._guess)

    @cached_property
    def _otlp(self) -> OtlpReader:
        return OtlpReader(self._store.keyring, self._store.max_record_bytes, self._store.account_attributes)

    def _take_oversize(self, piece: Piece) -> None:
        reason = f"longer than {self._store.max_record_bytes} bytes"
        if self._too_long != piece.line:
            self._count_rejected(piece.line, reason)
        self._too_long = None if piece.last else piece.line
        if self._is_otlp:  # a raw key may lie across two parts
            piece = replace(piece, data=b"" if not piece.last else _NOT_KEPT)
        for start in range(0, max(len(piece.data), 1), _LONG_PIECE):
            part = piece.data[start : start + _LONG_PIECE]
            more = not piece.last or start + _LONG_PIECE < len(piece.data)
            self._quarantine.put(self._source, piece.line, reason, part, more=more)

    def _reject(self, line: int, reason: str, data: bytes) -> None:
        self._count_rejected(line, reason)
        self._quarantine.put(self._source, line, reason, data)

    def _count_rejected(self, line: int, reason: str) -> None:
        self._rejected += 1
        if len(self._reasons) < REASONS_KEPT:
            self._reasons.append(Reason(line, reason))

    def _append(self) -> None:
        self._await()
        taken = (self._events, self._accounts, together(self._parts))
        self._under_way = self._worker.submit(_store, self._store, self._collector, *taken)
        self._events, self._accounts, self._parts, self._bytes = [], [], [], 0

    def _await(self) -> None:
        if self._under_way is not None:
            report = self._under_way.result()
            self._accepted += report.accepted
            self._duplicate += report.duplicate
            self._conflicting += report.conflicting
            self._under_way = None


def _store(
    store: EventStore, collector: str, events: list[EventRecord], accounts: list[AccountUpdate], parts: SpanParts | None
) -> AppendReport:
    of_accounts = store.append_accounts(accounts) if accounts else AppendReport()
    of_events = store.append(collector, events, parts) if events or parts else AppendReport()
    return AppendReport(of_accounts.accepted + of_events.accepted, of_events.duplicate, of_events.conflicting)
