"""OTLP requests in protobuf to spans and log records, message by message, a damaged one costing itself alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogMessage
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from stormwatch.events.readers.otlp.spans import (
    Attributes,
    LogRecord,
    LogsRequest,
    Span,
    SpanEvent,
    TraceRequest,
    Unreadable,
)
from stormwatch.events.readers.otlp.wire import fields

_Record = TypeVar("_Record", SpanMessage, LogMessage)

# Numbers of fields: in both kinds of request the resource, the scopes and the records stand at the same places.
_RESOURCES: Final = 1
_RESOURCE: Final = 1
_SCOPES: Final = 2
_RECORDS: Final = 2
_DAMAGED: Final = "damaged, or a text in it is not valid UTF-8"


def read_traces(data: bytes) -> TraceRequest:
    """The spans of an ExportTraceServiceRequest; InvalidInput when the bytes are no such message at all."""
    spans: list[Span] = []
    try:
        request = ExportTraceServiceRequest.FromString(data)
    except DecodeError:
        unreadable = _one_by_one(data, SpanMessage, lambda span, resource: spans.append(_span(span, resource)))
        return TraceRequest(spans, unreadable)
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_spans:
            spans += [_span(span, resource) for span in scope.spans]
    return TraceRequest(spans, [])


def read_logs(data: bytes) -> LogsRequest:
    """The records of an ExportLogsServiceRequest; InvalidInput when the bytes are no such message at all."""
    records: list[LogRecord] = []
    try:
        request = ExportLogsServiceRequest.FromString(data)
    except DecodeError:
        unreadable = _one_by_one(data, LogMessage, lambda log, resource: records.append(_record(log, resource)))
        return LogsRequest(records, unreadable)
    for group in request.resource_logs:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_logs:
            records += [_record(record, resource) for record in scope.log_records]
    return LogsRequest(records, [])


def _span(span: SpanMessage, resource: Attributes) -> Span:
    status = span.status
    return Span(
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        status.code,
        status.message,
        _attributes(span.attributes),
        [SpanEvent(event.name, _attributes(event.attributes)) for event in span.events],
        resource,
        span.name,
    )


def _record(record: LogMessage, resource: Attributes) -> LogRecord:
    return LogRecord(
        record.trace_id,
        record.span_id,
        record.time_unix_nano or record.observed_time_unix_nano,
        record.event_name,
        _plain(record.body),
        _attributes(record.attributes),
        resource,
    )


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    # Most values are texts with something in them: asking for the text first spares a look at the kind.
    return {pair.key: value.string_value or _plain(value) for pair in pairs for value in (pair.value,)}


def _plain(value: AnyValue) -> Any:
    """The plain value; upb has bounded the nesting when it parsed."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None:
        return None
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)


def _one_by_one(data: bytes, kind: type[_Record], take: Callable[[_Record, Attributes], None]) -> list[Unreadable]:
    """Reads a request whose bytes are not whole record by record; those that cannot be read are given back."""
    unreadable: list[Unreadable] = []
    for resource, raw in _raw_records(data):
        try:
            take(kind.FromString(raw), resource)
        except DecodeError:
            unreadable.append(Unreadable(_DAMAGED, raw))
    return unreadable


def _raw_records(data: bytes) -> Iterator[tuple[Attributes, bytes]]:
    for group in _members(data, _RESOURCES):
        resource: Attributes = {}
        for raw in _members(group, _RESOURCE):
            parsed = _parsed(Resource, raw)
            resource = _attributes(parsed.attributes) if parsed is not None else {}
        for scope in _members(group, _SCOPES):
            yield from ((resource, raw) for raw in _members(scope, _RECORDS))


def _members(data: bytes, number: int) -> list[bytes]:
    """The length-delimited fields of one number; InvalidInput when the bytes are no message."""
    return [value for field, value in fields(data) if field == number]


_M = TypeVar("_M", bound=Message)


def _parsed(kind: type[_M], raw: bytes) -> _M | None:
    try:
        return kind.FromString(raw)
    except DecodeError:
        return None
