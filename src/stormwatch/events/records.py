"""What readers hand to the store, and the same as Arrow batches: the rows of the ingest log."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
import pyarrow as pa

from stormwatch.storage.keyring import Keyring
from stormwatch.storage.schemas import ACCOUNT_RECORDS, EVENTS

# The place in the lake is known at compaction only; the log carries the keys and the sealed-to-be text instead.
_PLACE: Final = ("segment", "text_chunk", "text_row")
LOG_EVENTS: Final = pa.schema(
    [field for field in EVENTS if field.name not in _PLACE]
    + [pa.field("key", pa.binary(16)), pa.field("content", pa.binary(16)), pa.field("text", pa.binary())]
)
LOG_ACCOUNTS: Final = pa.schema(
    [*ACCOUNT_RECORDS, pa.field("carried", pa.int64()), pa.field("ingested_us", pa.int64())]
)


class EventRecord(msgspec.Struct, frozen=True, gc=False):
    """One usage event, checked, redacted and flat: columns of the lake's `events`, its text and its content's hash."""

    event_id: str
    time_us: int
    account_id: str
    org_id: str | None
    end_user_id: str | None
    api_key_id: str | None
    session_id: str | None
    source_ip: str | None
    ip_source: str | None
    asn: int | None
    country: str | None
    user_agent: str | None
    tls_fingerprint: str | None
    device_id: str | None
    operation: str | None
    provider: str | None
    model: str | None
    tools_offered: str | None
    tool_calls: int
    input_tokens: int | None
    output_tokens: int | None
    finish_reason: str | None
    error_type: str | None
    duration_ms: float | None
    refused: bool | None
    blocked: bool | None
    moderation: str | None
    prompt_chars: int
    prompt_hash: str | None
    script: str | None
    content: bytes  # 16 bytes of keyed BLAKE2b over the event as it was sent
    text: bytes  # msgpack of model.event.EventText


class AccountUpdate(msgspec.Struct, frozen=True, gc=False):
    """What one account record says: the columns of `account_records`, and the names of those it carries."""

    values: tuple[Any, ...]  # in the order of ACCOUNT_RECORDS
    carried: frozenset[str]


_ACCOUNT_NAMES: Final = tuple(ACCOUNT_RECORDS.names)
_BITS: Final = {name: 1 << number for number, name in enumerate(_ACCOUNT_NAMES)}


def carried_bit(name: str) -> int:
    """The bit of `carried` that stands for a column of `account_records`."""
    return _BITS[name]


class EventKeys:
    """Keyed hashes of (collector, event id): what an event is recognised by."""

    def __init__(self, keyring: Keyring, collector: str) -> None:
        self._key = keyring.subkey("event-key")
        raw = collector.encode()
        self._prefix = len(raw).to_bytes(4) + raw

    def of(self, event_id: str) -> bytes:
        """16 bytes for an event id."""
        return blake2b(self._prefix + event_id.encode(), digest_size=16, key=self._key).digest()


def events_batch(collector: str, records: Sequence[EventRecord], keys: EventKeys) -> pa.RecordBatch:
    """Rows of LOG_EVENTS for records; when they came and whether they conflict with others is not known yet."""
    rows = zip(*map(msgspec.structs.astuple, records), strict=True)
    columns: dict[str, Sequence[Any]] = dict.fromkeys(EventRecord.__struct_fields__, ())
    columns.update(zip(EventRecord.__struct_fields__, rows, strict=bool(records)))
    columns["key"] = [keys.of(event_id) for event_id in columns["event_id"]]
    size = len(records)
    known = {"collector": pa.repeat(pa.scalar(collector), size), **_at_arrival(size, 0, None)}
    arrays = [known.get(field.name, columns.get(field.name)) for field in LOG_EVENTS]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(arrays, LOG_EVENTS, strict=True)], schema=LOG_EVENTS
    )


def arrived(batch: pa.RecordBatch, now_us: int, conflicting: Sequence[bool]) -> pa.RecordBatch:
    """The same rows with the time of their arrival and whether their ids were taken by other content."""
    for name, column in _at_arrival(batch.num_rows, now_us, conflicting).items():
        batch = batch.set_column(LOG_EVENTS.get_field_index(name), LOG_EVENTS.field(name), column)
    return batch


def _at_arrival(size: int, now_us: int, conflicting: Sequence[bool] | None) -> dict[str, pa.Array]:
    flags = pa.array(conflicting, pa.bool_()) if conflicting is not None else pa.nulls(size, pa.bool_())
    return {"ingested_us": pa.repeat(pa.scalar(now_us, pa.int64()), size), "conflicting": flags}


def accounts_batch(updates: Sequence[AccountUpdate], now_us: int) -> pa.RecordBatch:
    """Rows of LOG_ACCOUNTS, in the order of arrival."""
    columns: list[Sequence[Any]] = [list(column) for column in zip(*(update.values for update in updates), strict=True)]
    columns.append([sum(_BITS[name] for name in update.carried) for update in updates])
    columns.append([now_us] * len(updates))
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, LOG_ACCOUNTS, strict=True)],
        schema=LOG_ACCOUNTS,
    )


def to_ipc(rows: pa.RecordBatch | pa.Table) -> bytes:
    """An Arrow IPC stream of the rows."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write(rows)
    return bytes(sink.getvalue().to_pybytes())


def from_ipc(payload: bytes) -> pa.Table:
    """The rows of an Arrow IPC stream."""
    with pa.ipc.open_stream(payload) as reader:
        return reader.read_all()
