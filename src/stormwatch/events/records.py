"""What readers hand to the store, and the same as Arrow batches: the rows of the ingest log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa

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


def events_batch(
    collector: str, records: Sequence[EventRecord], keys: Sequence[bytes], conflicting: Sequence[bool], now_us: int
) -> pa.RecordBatch:
    """Rows of LOG_EVENTS for records that were found to be new."""
    rows = zip(*map(msgspec.structs.astuple, records), strict=True)
    columns: dict[str, Sequence[Any]] = dict(zip(EventRecord.__struct_fields__, rows, strict=True))
    size = len(records)
    columns.update(collector=[collector] * size, ingested_us=[now_us] * size, conflicting=conflicting, key=keys)
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[field.name], field.type) for field in LOG_EVENTS], schema=LOG_EVENTS
    )


def accounts_batch(updates: Sequence[AccountUpdate], now_us: int) -> pa.RecordBatch:
    """Rows of LOG_ACCOUNTS, in the order of arrival."""
    columns: list[Sequence[Any]] = [list(column) for column in zip(*(update.values for update in updates), strict=True)]
    columns.append([sum(_BITS[name] for name in update.carried) for update in updates])
    columns.append([now_us] * len(updates))
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, LOG_ACCOUNTS, strict=True)],
        schema=LOG_ACCOUNTS,
    )


def to_ipc(batch: pa.RecordBatch) -> bytes:
    """An Arrow IPC stream of one batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def from_ipc(payload: bytes) -> pa.Table:
    """The rows of an Arrow IPC stream."""
    with pa.ipc.open_stream(payload) as reader:
        return reader.read_all()
