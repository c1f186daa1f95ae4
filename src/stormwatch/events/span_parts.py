"""What telemetry tells of an event in other spans than its own, as rows of the ingest log: clients, messages, links.

A span is known here by a keyed hash of collector, trace and span: a sender adds to its own events alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import msgspec
import pyarrow as pa

from stormwatch.events.records import EventRecord

_KEY: Final = pa.binary(16)

CLIENTS: Final = pa.schema(
    [
        ("span", _KEY),
        ("source_ip", pa.string()),
        ("ip_source", pa.string()),
        ("user_agent", pa.string()),
        ("ingested_us", pa.int64()),
    ]
)
MESSAGES: Final = pa.schema(
    [
        ("span", _KEY),
        ("key", _KEY),  # of the span's event, whether it comes or not
        ("time_us", pa.int64()),  # of the first log record
        ("text", pa.binary()),  # msgpack of SpanMessages, redacted
        ("alone", pa.binary()),  # msgpack of the EventRecord to store should the span not come; null without an account
        ("collector", pa.string()),
        ("ingested_us", pa.int64()),
    ]
)
LINKS: Final = pa.schema(
    [
        ("key", _KEY),  # of the event
        ("time_us", pa.int64()),  # of the event
        ("span", _KEY),  # whose messages it lacks, or null
        ("parent", _KEY),  # whose client it lacks, or null
        ("ingested_us", pa.int64()),
    ]
)

_pack: Final = msgspec.msgpack.encode

SpanRef = tuple[bytes, bytes]  # trace id, span id


@dataclass(frozen=True, slots=True)
class SpanClient:
    """The client that a SERVER span names, address canonical, texts redacted."""

    span: SpanRef
    source_ip: str | None
    ip_source: str | None
    user_agent: str | None


class SpanMessages(msgspec.Struct, frozen=True):
    """What log records of one span say was said: turns as (role, content), calls as (name, arguments), redacted."""

    input: list[tuple[str, str]]
    output: list[tuple[str, str]]
    tool_calls: list[tuple[str, str]]
    finish_reason: str | None
    refused: bool


@dataclass(frozen=True, slots=True)
class SpanMessagePart:
    """Messages of a span, and the event to store should the span never come."""

    span: SpanRef
    event_id: str
    time_us: int
    messages: SpanMessages
    alone: EventRecord | None


@dataclass(frozen=True, slots=True)
class SpanParts:
    """What one request brings beside its events; `awaited` says by event id which spans may still tell more of it."""

    clients: Sequence[SpanClient] = ()
    messages: Sequence[SpanMessagePart] = ()
    awaited: Mapping[str, tuple[SpanRef | None, SpanRef | None]] = field(default_factory=dict)


def together(parts: Sequence[SpanParts]) -> SpanParts | None:
    """The parts of several requests as those of one; None when there is none."""
    if not parts:
        return None
    return SpanParts(
        [client for part in parts for client in part.clients],
        [message for part in parts for message in part.messages],
        {event: spans for part in parts for event, spans in part.awaited.items()},
    )


class SpanKeys:
    """Hashes spans of one collector."""

    def __init__(self, collector: str, secret: bytes) -> None:
        self._start = blake2b(collector.encode() + b"\0", digest_size=16, key=secret)

    def of(self, span: SpanRef | None) -> bytes | None:
        """The 16 bytes by which a span is known."""
        if span is None:
            return None
        state = self._start.copy()
        state.update(span[0] + span[1])
        return state.digest()


def clients_batch(clients: Sequence[SpanClient], keys: SpanKeys, now_us: int) -> pa.RecordBatch:
    """Rows of CLIENTS."""
    rows = [(keys.of(part.span), part.source_ip, part.ip_source, part.user_agent, now_us) for part in clients]
    return _batch(rows, CLIENTS)


def messages_batch(
    parts: Sequence[SpanMessagePart], event_keys: Sequence[bytes], keys: SpanKeys, collector: str, now_us: int
) -> pa.RecordBatch:
    """Rows of MESSAGES; `event_keys` are those of the parts' events."""
    rows = [
        (
            keys.of(part.span),
            event_key,
            part.time_us,
            _pack(part.messages),
            None if part.alone is None else _pack(part.alone),
            collector,
            now_us,
        )
        for part, event_key in zip(parts, event_keys, strict=True)
    ]
    return _batch(rows, MESSAGES)


def links_batch(
    events: Sequence[EventRecord],
    event_keys: Sequence[bytes],
    awaited: Mapping[str, tuple[SpanRef | None, SpanRef | None]],
    keys: SpanKeys,
    now_us: int,
) -> pa.RecordBatch:
    """Rows of LINKS for those of the events that await something."""
    rows = [
        (key, event.time_us, keys.of(awaited[event.event_id][0]), keys.of(awaited[event.event_id][1]), now_us)
        for event, key in zip(events, event_keys, strict=True)
        if event.event_id in awaited
    ]
    return _batch(rows, LINKS)


def _batch(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, item.type) for column, item in zip(columns, schema, strict=True)], schema=schema
    )
