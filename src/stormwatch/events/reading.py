"""Blocks of records as sent to what the store takes: a batch of events, account updates, and the records rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import pyarrow as pa

from stormwatch.events.normalise import Normaliser
from stormwatch.events.otlp_records import OtlpReader
from stormwatch.events.readers.account_record import read_account_record
from stormwatch.events.readers.choice import Format, recognise
from stormwatch.events.readers.decoding import decode_object
from stormwatch.events.readers.litellm import read_litellm
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.records import AccountUpdate, EventKeys, EventRecord, events_batch
from stormwatch.events.span_parts import SpanParts, together
from stormwatch.events.splitting import Block, Piece
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.keyring import Keyring

_LONG_PIECE: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be read, or with `more` a part of one that is too long; `line` is where it starts."""

    line: int
    reason: str
    data: bytes
    more: bool = False


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """What one block held, in the order of its records: rows of LOG_EVENTS, account updates, rejected records.

    `parts` is what OpenTelemetry told of events in other spans than theirs, `ignored` counts spans and log records that
    tell of no request to a model.
    """

    events: pa.RecordBatch | None
    accounts: tuple[AccountUpdate, ...]
    rejects: tuple[Reject, ...]
    last_line: int
    parts: SpanParts | None = None
    ignored: int = 0

    @property
    def rows(self) -> int:
        """Records that could be read."""
        told = len(self.parts.messages) if self.parts is not None else 0
        return len(self.accounts) + told + (self.events.num_rows if self.events is not None else 0)


@dataclass(slots=True)
class _Gathered:
    """What was read of a block so far."""

    events: list[EventRecord] = field(default_factory=list)
    accounts: list[AccountUpdate] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    parts: list[SpanParts] = field(default_factory=list)
    ignored: int = 0


class BlockReader:
    """Reads blocks of one stream; it remembers the format of the record before, as most streams hold one."""

    def __init__(
        self,
        keyring: Keyring,
        collector: str,
        form: Format,
        max_record_bytes: int,
        account_attributes: Sequence[str] = (),
    ) -> None:
        self._keyring = keyring
        self._collector = collector
        self._keys = EventKeys(keyring, collector)
        self._normaliser = Normaliser(keyring)
        self._format = form
        self._guess: Format | None = None
        self._max_bytes = max_record_bytes
        self._account_attributes = tuple(account_attributes)

    def read(self, block: Block) -> ReadBlock:
        """Everything that one block holds."""
        found = _Gathered()
        line = 0
        for piece in block.pieces(self._max_bytes):
            line = piece.line
            if piece.oversize:
                found.rejects += self._too_long(piece)
                continue
            try:
                self._read(piece, found)
            except InvalidInput as error:
                found.rejects.append(Reject(line, str(error), self._keepable(piece.data)))
        batch = events_batch(self._collector, found.events, self._keys) if found.events else None
        return ReadBlock(batch, tuple(found.accounts), tuple(found.rejects), line, together(found.parts), found.ignored)

    def _read(self, piece: Piece, found: _Gathered) -> None:
        if self._format is not Format.AUTO:
            self._read_as(self._format, piece, found)
            return
        form = self._guess or recognise(decode_object(piece.data))
        try:
            self._read_as(form, piece, found)
        except InvalidInput:
            other = recognise(decode_object(piece.data))
            if other is form:
                raise
            form = other
            self._read_as(form, piece, found)
        # An event would pass for an account record with unknown fields, so that is no guess for the next record.
        self._guess = None if form is Format.ACCOUNT_RECORD else form

    def _read_as(self, form: Format, piece: Piece, found: _Gathered) -> None:
        if form is Format.OTLP:
            self._read_otlp(piece, found)
        elif form is Format.ACCOUNT_RECORD:
            found.accounts.append(read_account_record(piece.data, self._normaliser.redactor))
        else:
            sent = read_usage_event(piece.data) if form is Format.USAGE_EVENT else read_litellm(piece.data)
            found.events.append(self._normaliser.event(sent))

    def _read_otlp(self, piece: Piece, found: _Gathered) -> None:
        """A line holds a whole request: many spans, of which one that is bad costs itself alone."""
        records = self._otlp.line(piece.data)
        found.events += records.events
        found.parts.append(records.parts)
        found.ignored += records.ignored
        found.rejects += [Reject(piece.line, item.reason, item.data) for item in records.rejected]

    def _too_long(self, piece: Piece) -> Iterator[Reject]:
        reason = f"longer than {self._max_bytes} bytes"
        for start in range(0, max(len(piece.data), 1), _LONG_PIECE):
            more = not piece.last or start + _LONG_PIECE < len(piece.data)
            data = self._keepable(piece.data[start : start + _LONG_PIECE])
            yield Reject(piece.line, reason, data, more=more)

    def _keepable(self, data: bytes) -> bytes:
        """What may go to quarantine: OpenTelemetry's spans carry raw keys, other formats are kept as they came."""
        return self._otlp.without_secrets(data) if Format.OTLP in (self._format, self._guess) else data

    @cached_property
    def _otlp(self) -> OtlpReader:
        return OtlpReader(self._keyring, self._max_bytes, self._account_attributes)


def block_reader(
    keyring: Keyring, collector: str, form: Format, max_record_bytes: int, account_attributes: Sequence[str] = ()
) -> Callable[[Block], ReadBlock]:
    """What reads the blocks of one stream, in this process or, as all of it can be sent there, in another."""
    return BlockReader(keyring, collector, form, max_record_bytes, account_attributes).read
