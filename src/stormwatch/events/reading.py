"""Blocks of records as sent to what the store takes: a batch of events, account updates, and the records rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from stormwatch.events.normalise import Normaliser
from stormwatch.events.readers.account_record import read_account_record
from stormwatch.events.readers.choice import Format, recognise
from stormwatch.events.readers.decoding import decode_object
from stormwatch.events.readers.litellm import read_litellm
from stormwatch.events.readers.usage_event import read_usage_event
from stormwatch.events.records import AccountUpdate, EventKeys, EventRecord, events_batch
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
    """What one block held, in the order of its records: rows of LOG_EVENTS, account updates, rejected records."""

    events: pa.RecordBatch | None
    accounts: tuple[AccountUpdate, ...]
    rejects: tuple[Reject, ...]
    last_line: int

    @property
    def rows(self) -> int:
        """Records that could be read."""
        return len(self.accounts) + (self.events.num_rows if self.events is not None else 0)


class BlockReader:
    """Reads blocks of one stream; it remembers the format of the record before, as most streams hold one."""

    def __init__(self, keyring: Keyring, collector: str, form: Format, max_record_bytes: int) -> None:
        self._collector = collector
        self._keys = EventKeys(keyring, collector)
        self._normaliser = Normaliser(keyring)
        self._format = form
        self._guess: Format | None = None
        self._max_bytes = max_record_bytes

    def read(self, block: Block) -> ReadBlock:
        """Everything that one block holds."""
        events: list[EventRecord] = []
        accounts: list[AccountUpdate] = []
        rejects: list[Reject] = []
        line = 0
        for piece in block.pieces(self._max_bytes):
            line = piece.line
            if piece.oversize:
                rejects += self._too_long(piece)
                continue
            try:
                record = self._record(piece.data)
            except InvalidInput as error:
                rejects.append(Reject(line, str(error), piece.data))
                continue
            if isinstance(record, EventRecord):
                events.append(record)
            else:
                accounts.append(record)
        batch = events_batch(self._collector, events, self._keys) if events else None
        return ReadBlock(batch, tuple(accounts), tuple(rejects), line)

    def _record(self, data: bytes) -> EventRecord | AccountUpdate:
        if self._format is not Format.AUTO:
            return self._read_as(self._format, data)
        form = self._guess or recognise(decode_object(data))
        try:
            record = self._read_as(form, data)
        except InvalidInput:
            other = recognise(decode_object(data))
            if other is form:
                raise
            form = other
            record = self._read_as(form, data)
        # An event would pass for an account record with unknown fields, so that is no guess for the next record.
        self._guess = None if form is Format.ACCOUNT_RECORD else form
        return record

    def _read_as(self, form: Format, data: bytes) -> EventRecord | AccountUpdate:
        if form is Format.ACCOUNT_RECORD:
            return read_account_record(data, self._normaliser.redactor)
        return self._normaliser.event(read_usage_event(data) if form is Format.USAGE_EVENT else read_litellm(data))

    def _too_long(self, piece: Piece) -> Iterator[Reject]:
        reason = f"longer than {self._max_bytes} bytes"
        for start in range(0, max(len(piece.data), 1), _LONG_PIECE):
            more = not piece.last or start + _LONG_PIECE < len(piece.data)
            yield Reject(piece.line, reason, piece.data[start : start + _LONG_PIECE], more=more)


def block_reader(keyring: Keyring, collector: str, form: Format, max_record_bytes: int) -> Callable[[Block], ReadBlock]:
    """What reads the blocks of one stream, in this process or, as all of it can be sent there, in another."""
    return BlockReader(keyring, collector, form, max_record_bytes).read
