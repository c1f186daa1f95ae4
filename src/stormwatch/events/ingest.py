"""Streams of records into the store: split, read, redact, append in batches; what cannot be read goes to quarantine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stormwatch.events.mapping.compiled import CompiledMapping
from stormwatch.events.normalise import Normaliser
from stormwatch.events.quarantine import Quarantine
from stormwatch.events.readers.account_record import read_account_record
from stormwatch.events.readers.choice import Format, Formats, Known, shipped_formats
from stormwatch.events.readers.decoding import decode_object
from stormwatch.events.readers.litellm import read_litellm
from stormwatch.events.readers.mapped import MappedReader, Outcome
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.records import AccountUpdate, EventRecord
from stormwatch.events.sources import CutOff, file_chunks
from stormwatch.events.splitting import Piece, split_records
from stormwatch.events.store import BATCH_ROWS, AppendReport, EventStore
from stormwatch.model.errors import InvalidInput

_BATCH_BYTES: Final = 8 * 1024 * 1024
_LONG_PIECE: Final = 2 * 1024 * 1024
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

    `first_reasons` holds at most REASONS_KEPT; the rest stand in the quarantine file. `broken_off` says where and how a
    stream ended before its end: what would have followed was never seen.
    """

    accepted: int = 0
    duplicate: int = 0
    conflicting: int = 0
    rejected: int = 0
    quarantine: Path | None = None
    first_reasons: tuple[Reason, ...] = ()
    broken_off: Reason | None = None

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
) -> IngestReport:
    """Takes in one file; InvalidInput when it cannot be opened or holds nothing at all.

    `progress` gets the bytes read and their total. Rejected records go to `quarantine`, by default to one of its own.
    """
    chunks = file_chunks(path, progress)
    report = ingest_stream(
        store,
        chunks,
        collector=collector,
        format=format,
        formats=formats,
        source=str(path),
        quarantine=quarantine,
    )
    if not report.read and not report.rejected:
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
) -> IngestReport:
    """Takes in decompressed chunks; when it returns, what it counts as accepted or rejected is on disk.

    `formats` are those of the installation, by default the shipped ones.
    """
    kept = quarantine or Quarantine(store.home, store.keyring)
    intake = Intake(store, collector, format, source, kept, formats or shipped_formats())
    try:
        try:
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
    """One stream on its way in. While one batch goes to disk, which needs no interpreter, the next is read.

    A mark says where a record stands: its line, or whatever else whoever feeds the intake counts by.
    """

    def __init__(
        self,
        store: EventStore,
        collector: str,
        form: str,
        source: str,
        quarantine: Quarantine,
        formats: Formats,
    ) -> None:
        self._store = store
        self._collector = collector
        self._formats = formats
        self._format = formats.named(form)
        self._guess: Known | None = None
        self._mapped: dict[str, MappedReader[Any]] = {}
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

    def take(self, piece: Piece, mark: Any = None) -> None:
        """One record, or a part of one that is too long."""
        self._line = piece.line
        if piece.oversize:
            self._take_oversize(piece)
            return
        try:
            self._read(piece.data, piece.line if mark is None else mark)
        except InvalidInput as error:
            self._reject(piece.line, str(error), piece.data)
            return
        self._bytes += len(piece.data)
        if len(self._events) + len(self._accounts) >= BATCH_ROWS or self._bytes >= _BATCH_BYTES:
            self._append()

    def cut_off(self, error: CutOff) -> None:
        """The stream broke off behind the last record taken."""
        self._broken_off = Reason(max(self._line, 1), f"{error.what} in or after this record; send the file again")
        self._reject(self._broken_off.line, self._broken_off.reason, b"")

    def end(self) -> None:
        """The stream is over: what was held back for more of it is read as it is."""
        for reader in self._mapped.values():
            self._take_outcomes(reader.rest())

    def end_waiting(self) -> None:
        """Reads what was held back for more of the stream and has waited long enough."""
        for reader in self._mapped.values():
            self._take_outcomes(reader.waited_long_enough())

    def held_marks(self) -> list[Any]:
        """The marks of records that are held back."""
        return [mark for reader in self._mapped.values() for mark in reader.held_marks()]

    def finish(self) -> IngestReport:
        """Stores what was read and gives the count so far."""
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
        )

    def close(self) -> None:
        """Waits for what is under way."""
        self._worker.shutdown()

    def _read(self, data: bytes, mark: Any) -> None:
        if self._format is not Format.AUTO:
            self._read_as(self._format, data, mark)
            return
        form = self._guess or self._formats.recognise(decode_object(data))
        try:
            self._read_as(form, data, mark)
        except InvalidInput:
            other = self._formats.recognise(decode_object(data))
            if other is form:
                raise
            form = other
            self._read_as(form, data, mark)
        # An event would pass for an account record with unknown fields, so that is no guess for the next record.
        self._guess = None if form is Format.ACCOUNT_RECORD else form

    def _read_as(self, form: Known, data: bytes, mark: Any) -> None:
        if isinstance(form, CompiledMapping):
            reader = self._mapped.setdefault(form.name, MappedReader(form))
            self._take_outcomes(reader.read(data, mark))
        elif form is Format.ACCOUNT_RECORD:
            self._accounts.append(read_account_record(data, self._normaliser.redactor))
        else:
            sent = read_usage_event(data) if form is Format.USAGE_EVENT else read_litellm(data, self._formats.proxies)
            self._events.append(self._normaliser.event(sent))

    def _take_outcomes(self, outcomes: Sequence[Outcome[Any]]) -> None:
        for outcome in outcomes:
            reason = outcome.reason
            if outcome.event is not None:
                try:
                    self._events.append(self._normaliser.event(outcome.event))
                    continue
                except InvalidInput as error:
                    reason = str(error)
            line = outcome.mark if isinstance(outcome.mark, int) else outcome.mark.line
            self._reject(line, reason, outcome.data)

    def _take_oversize(self, piece: Piece) -> None:
        reason = f"longer than {self._store.max_record_bytes} bytes"
        if self._too_long != piece.line:
            self._count_rejected(piece.line, reason)
        self._too_long = None if piece.last else piece.line
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
        self._under_way = self._worker.submit(_store, self._store, self._collector, self._events, self._accounts)
        self._events, self._accounts, self._bytes = [], [], 0

    def _await(self) -> None:
        if self._under_way is not None:
            report = self._under_way.result()
            self._accepted += report.accepted
            self._duplicate += report.duplicate
            self._conflicting += report.conflicting
            self._under_way = None


def _store(store: EventStore, collector: str, events: list[EventRecord], accounts: list[AccountUpdate]) -> AppendReport:
    of_accounts = store.append_accounts(accounts) if accounts else AppendReport()
    of_events = store.append(collector, events) if events else AppendReport()
    return AppendReport(of_accounts.accepted + of_events.accepted, of_events.duplicate, of_events.conflicting)
