"""Records as sent to what the store takes: a batch of events, account updates, and the records rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

from stormwatch.events.mapping.compiled import CompiledMapping
from stormwatch.events.normalise import Normaliser
from stormwatch.events.otlp_records import OtlpReader
from stormwatch.events.readers.account_record import read_account_record
from stormwatch.events.readers.choice import Format, Formats, Known
from stormwatch.events.readers.decoding import decode_object
from stormwatch.events.readers.litellm import read_litellm
from stormwatch.events.readers.mapped import MappedReader, Outcome
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.records import AccountUpdate, EventKeys, EventRecord, events_batch
from stormwatch.events.span_parts import SpanParts, together
from stormwatch.events.splitting import Block, Piece
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.keyring import Keyring

_LONG_PIECE: Final = 2 * 1024 * 1024
_NOT_KEPT: Final = b"too long to look for raw keys in it, so it was not kept"


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be read, or with `more` a part of one that is too long; `line` is where it starts."""

    line: int
    reason: str
    data: bytes
    more: bool = False


@dataclass(frozen=True, slots=True)
class ReadRecords:
    """What some records held, in their order: rows of LOG_EVENTS, account updates, rejected records.

    `parts` is what OpenTelemetry told of events in other spans than theirs, `ignored` counts spans and log records that
    tell of no request to a model; `unread` are records that only a reader of the whole stream can put together.
    """

    events: pa.RecordBatch | None
    accounts: tuple[AccountUpdate, ...]
    rejects: tuple[Reject, ...]
    last_line: int
    parts: SpanParts | None = None
    ignored: int = 0
    unread: tuple[Piece, ...] = ()

    @property
    def rows(self) -> int:
        """Records that could be read."""
        told = len(self.parts.messages) if self.parts is not None else 0
        return len(self.accounts) + told + (self.events.num_rows if self.events is not None else 0)


@dataclass(slots=True)
class _Gathered:
    """What was read since it was last collected."""

    events: list[EventRecord] = field(default_factory=list)
    accounts: list[AccountUpdate] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    parts: list[SpanParts] = field(default_factory=list)
    unread: list[Piece] = field(default_factory=list)
    ignored: int = 0
    records: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How the records of a stream are read; all of it can be sent to another process."""

    keyring: Keyring
    collector: str
    form: str
    formats: Formats
    max_record_bytes: int
    account_attributes: tuple[str, ...] = ()


class RecordReader:
    """Reads records of one stream. It remembers the format of the record before, as most streams hold one.

    A mark says where a record stands: its line, or whatever else whoever feeds the reader counts by.
    """

    def __init__(self, reading: Reading, *, whole_stream: bool = True) -> None:
        self._reading = reading
        self._whole_stream = whole_stream
        self._formats = reading.formats
        self._format = reading.formats.named(reading.form)
        self._guess: Known | None = None
        self._mapped: dict[str, MappedReader[Any]] = {}
        self._keys = EventKeys(reading.keyring, reading.collector)
        self._normaliser = Normaliser(reading.keyring)
        self._found = _Gathered()
        self.line = 0

    @property
    def records(self) -> int:
        """How many records were read since the last `collect`."""
        return self._found.records

    @property
    def size(self) -> int:
        """How many bytes they were."""
        return self._found.bytes

    def take(self, piece: Piece, mark: Any = None) -> None:
        """One record, or a part of one that is too long."""
        self.line = piece.line
        self._found.bytes += len(piece.data)
        if piece.oversize:
            self._found.rejects += self._too_long(piece)
            return
        self._found.records += 1
        try:
            self._read(piece, piece.line if mark is None else mark)
        except InvalidInput as error:
            self._found.rejects.append(Reject(piece.line, str(error), self._keepable(piece.data)))

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

    def collect(self) -> ReadRecords:
        """What was read since the last time."""
        found, self._found = self._found, _Gathered()
        return ReadRecords(
            events_batch(self._reading.collector, found.events, self._keys) if found.events else None,
            tuple(found.accounts),
            tuple(found.rejects),
            self.line,
            together(found.parts),
            found.ignored,
            tuple(found.unread),
        )

    def _read(self, piece: Piece, mark: Any) -> None:
        if self._format is not Format.AUTO:
            self._read_as(self._format, piece, mark)
            return
        form = self._guess or self._formats.recognise(decode_object(piece.data))
        try:
            self._read_as(form, piece, mark)
        except InvalidInput:
            other = self._formats.recognise(decode_object(piece.data))
            if other is form:
                raise
            form = other
            self._read_as(form, piece, mark)
        # An event would pass for an account record with unknown fields, so that is no guess for the next record.
        self._guess = None if form is Format.ACCOUNT_RECORD else form

    def _read_as(self, form: Known, piece: Piece, mark: Any) -> None:
        if isinstance(form, CompiledMapping):
            self._read_mapped(form, piece, mark)
        elif form is Format.OTLP:
            self._read_otlp(piece)
        elif form is Format.ACCOUNT_RECORD:
            self._found.accounts.append(read_account_record(piece.data, self._normaliser.redactor))
        else:
            litellm = form is Format.LITELLM
            sent = read_litellm(piece.data, self._formats.proxies) if litellm else read_usage_event(piece.data)
            self._found.events.append(self._normaliser.event(sent))

    def _read_mapped(self, form: CompiledMapping, piece: Piece, mark: Any) -> None:
        if form.specification.join is not None and not self._whole_stream:
            self._found.unread.append(piece)
            return
        reader = self._mapped.setdefault(form.name, MappedReader(form))
        self._take_outcomes(reader.read(piece.data, mark))

    def _take_outcomes(self, outcomes: Sequence[Outcome[Any]]) -> None:
        for outcome in outcomes:
            reason = outcome.reason
            if outcome.event is not None:
                try:
                    self._found.events.append(self._normaliser.event(outcome.event))
                    continue
                except InvalidInput as error:
                    reason = str(error)
            line = outcome.mark if isinstance(outcome.mark, int) else outcome.mark.line
            self._found.rejects.append(Reject(line, reason, outcome.data))

    def _read_otlp(self, piece: Piece) -> None:
        """A line holds a whole request: many spans, of which one that is bad costs itself alone."""
        records = self._otlp.line(piece.data)
        self._found.events += records.events
        self._found.parts.append(records.parts)
        self._found.ignored += records.ignored
        self._found.rejects += [Reject(piece.line, item.reason, item.data) for item in records.rejected]

    def _too_long(self, piece: Piece) -> Iterator[Reject]:
        reason = f"longer than {self._reading.max_record_bytes} bytes"
        data = piece.data
        if self._is_otlp:  # a raw key may lie across two parts
            data = _NOT_KEPT if piece.last else b""
        for start in range(0, max(len(data), 1), _LONG_PIECE):
            more = not piece.last or start + _LONG_PIECE < len(data)
            yield Reject(piece.line, reason, data[start : start + _LONG_PIECE], more=more)

    def _keepable(self, data: bytes) -> bytes:
        """What may go to quarantine: OpenTelemetry's spans carry raw keys, other formats are kept as they came."""
        return self._otlp.without_secrets(data) if self._is_otlp else data

    @property
    def _is_otlp(self) -> bool:
        return Format.OTLP in (self._format, self._guess)

    @cached_property
    def _otlp(self) -> OtlpReader:
        reading = self._reading
        limits = (reading.max_record_bytes, reading.account_attributes, reading.formats.proxies)
        return OtlpReader(reading.keyring, *limits)


def block_reader(reading: Reading) -> Callable[[Block], ReadRecords]:
    """What reads blocks of a stream in a process of its own, which does not see the other blocks."""
    reader = RecordReader(reading, whole_stream=False)

    def read(block: Block) -> ReadRecords:
        for piece in block.pieces(reading.max_record_bytes):
            reader.take(piece)
        return reader.collect()

    return read
