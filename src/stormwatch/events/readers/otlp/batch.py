"""One request to what ingest takes from it: events, and what is still to be joined to events of other requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from stormwatch.events.readers.otlp.client import Client, client_of
from stormwatch.events.readers.otlp.event import EventReader
from stormwatch.events.readers.otlp.messages import Said, add_event, read_attributes
from stormwatch.events.readers.otlp.shape import Shape
from stormwatch.events.readers.otlp.spans import (
    SERVER,
    LogRecord,
    LogsRequest,
    Span,
    SpanEvent,
    TraceRequest,
    Unreadable,
    has_ids,
)
from stormwatch.events.sent import SentEvent
from stormwatch.model.errors import InvalidInput

_HIGHEST_CLIMB: Final = 32  # spans between a request to a model and the HTTP request that it serves


class SpanId(msgspec.Struct, frozen=True, gc=False):
    """Which span of which trace."""

    trace_id: bytes
    span_id: bytes


class Taken(msgspec.Struct, frozen=True, gc=False):
    """One event, and what else may come for it: `span` where its messages are missing, `parent` where its client is."""

    event: SentEvent
    span: SpanId | None
    parent: SpanId | None


class ClientPart(msgspec.Struct, frozen=True):
    """The client of the HTTP request that a SERVER span stands for, for the events of its children."""

    span: SpanId
    client: Client


class MessagePart(msgspec.Struct, frozen=True):
    """What log records say was said in a span. `alone` is the event to store should the span never come."""

    span: SpanId
    time_ns: int
    said: Said
    alone: SentEvent | None


@dataclass(slots=True)
class OtlpBatch:
    """What one request holds. `ignored` counts spans and records that tell of no request to a model."""

    taken: list[Taken] = field(default_factory=list)
    clients: list[ClientPart] = field(default_factory=list)
    messages: list[MessagePart] = field(default_factory=list)
    rejected: list[Unreadable] = field(default_factory=list)
    ignored: int = 0


def read_spans(reader: EventReader, request: TraceRequest) -> OtlpBatch:
    """The events of a trace request; what its own SERVER spans know is joined already."""
    batch = OtlpBatch(rejected=list(request.unreadable))
    requests: list[tuple[Shape, Span]] = []
    parents: dict[tuple[bytes, bytes], bytes] = {}
    clients: dict[tuple[bytes, bytes], Client] = {}
    for span in request.spans:
        shape = reader.shapes.of(span.attributes)
        if reader.is_request(shape, span.attributes):
            requests.append((shape, span))
        elif span.kind == SERVER:
            _note_client(reader, shape, span, clients, batch)
        else:
            parents[span.trace_id, span.span_id] = span.parent_id
            batch.ignored += 1
    for shape, span in requests:
        try:
            batch.taken.append(_taken(reader, shape, span, parents, clients))
        except InvalidInput as error:
            batch.rejected.append(Unreadable(str(error), said_by(span)))
    return batch


def read_records(reader: EventReader, request: LogsRequest) -> OtlpBatch:
    """The messages in a logs request, gathered by span; a record without a span is an event of its own."""
    batch = OtlpBatch(rejected=list(request.unreadable))
    by_span: dict[SpanId, list[LogRecord]] = {}
    for record in request.records:
        if not _tells_of_request(reader, record):
            batch.ignored += 1
        elif has_ids(record.trace_id, record.span_id):
            by_span.setdefault(SpanId(record.trace_id, record.span_id), []).append(record)
        else:
            reason = "carries no ids of trace and span, so that no account can be joined to it"
            batch.rejected.append(Unreadable(reason, said_by(record)))
    batch.messages = [_message_part(reader, span, records) for span, records in by_span.items()]
    return batch


def _tells_of_request(reader: EventReader, record: LogRecord) -> bool:
    if _event_name(record) in reader.names.events:
        return True
    return reader.is_request(reader.shapes.of(record.attributes), record.attributes)


def said_by(record: Span | LogRecord) -> dict[str, Any]:
    """A span or log record as plain values, for quarantine."""
    plain: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(bytes,))
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in plain.items()}


def _note_client(
    reader: EventReader, shape: Shape, span: Span, clients: dict[tuple[bytes, bytes], Client], batch: OtlpBatch
) -> None:
    batch.ignored += 1
    client = client_of(shape, span.attributes, reader.proxies)
    if client is None or not has_ids(span.trace_id, span.span_id):
        return
    clients[span.trace_id, span.span_id] = client
    batch.clients.append(ClientPart(SpanId(span.trace_id, span.span_id), client))


def _taken(
    reader: EventReader,
    shape: Shape,
    span: Span,
    parents: Mapping[tuple[bytes, bytes], bytes],
    clients: Mapping[tuple[bytes, bytes], Client],
) -> Taken:
    if not has_ids(span.trace_id, span.span_id):
        raise InvalidInput("has no trace id of 16 bytes and span id of 8 bytes")
    said = read_attributes(shape, span.attributes)
    for inside in span.events:
        _add_named(reader, said, inside)
    parent = _ancestor(span, parents)
    client = clients.get((span.trace_id, parent)) if parent else None
    event = reader.event(shape, span, said, client)
    awaits_client = bool(parent) and event.source_ip is None
    return Taken(
        event,
        SpanId(span.trace_id, span.span_id) if said.is_empty else None,
        SpanId(span.trace_id, parent) if awaits_client else None,
    )


def _ancestor(span: Span, parents: Mapping[tuple[bytes, bytes], bytes]) -> bytes:
    """The nearest ancestor that is none of this request's inner spans: the HTTP request's span, here or to come."""
    parent = span.parent_id
    for _ in range(_HIGHEST_CLIMB):
        above = parents.get((span.trace_id, parent))
        if not above:
            break
        parent = above
    return parent


def _add_named(reader: EventReader, said: Said, event: SpanEvent) -> None:
    known = reader.names.events.get(event.name)
    if known is not None:
        add_event(said, known, event.attributes)


def _message_part(reader: EventReader, span: SpanId, records: Iterable[LogRecord]) -> MessagePart:
    said = Said()
    ordered = sorted(records, key=lambda record: record.time_ns)
    attributes: dict[str, Any] = {}
    for record in ordered:
        attributes.update(record.attributes)
        known = reader.names.events.get(_event_name(record))
        if known is not None:
            add_event(said, known, record.attributes, record.body)
        else:
            told = {**record.attributes, **_body_attributes(record)}
            said.add(read_attributes(reader.shapes.of(told), told))
    first = ordered[0]
    whole = Span(
        span.trace_id, span.span_id, b"", 0, first.time_ns, ordered[-1].time_ns, 0, "", attributes, [], first.resource
    )
    return MessagePart(span, first.time_ns, said, _alone(reader, whole, said))


def _alone(reader: EventReader, span: Span, said: Said) -> SentEvent | None:
    try:
        return reader.event(reader.shapes.of(span.attributes), span, said, None)
    except InvalidInput:
        return None  # without an account the messages need their span


def _event_name(record: LogRecord) -> str:
    """The name of an event: a field of its own today, an attribute before."""
    name = record.name or record.attributes.get("event.name")
    return name if isinstance(name, str) else ""


def _body_attributes(record: LogRecord) -> Mapping[str, Any]:
    return record.body if isinstance(record.body, dict) else {}
