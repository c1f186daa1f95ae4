"""OTLP requests as JSON to spans and log records; one that does not fit costs itself alone."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, TypeVar

import msgspec

from stormwatch.events.readers.decoding import convert, decode_object
from stormwatch.events.readers.otlp.spans import (
    ERROR,
    SERVER,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    Attributes,
    LogRecord,
    LogsRequest,
    Span,
    SpanEvent,
    TraceRequest,
    Unreadable,
)
from stormwatch.model.errors import InvalidInput

# The encoding writes enumerations as numbers; protobuf's own JSON, which some senders use, as names.
_KINDS: Final = {"SPAN_KIND_SERVER": SERVER}
_STATUSES: Final = {"STATUS_CODE_ERROR": ERROR}
_DEEPEST: Final = 64
_LONGEST_NUMBER: Final = 20
_RECORDS: Final = (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords"))

_T = TypeVar("_T", bound=msgspec.Struct)


class _Value(msgspec.Struct, frozen=True, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bytes_value: str | None = None
    array_value: _Array | None = None
    kvlist_value: _Pairs | None = None


class _Pair(msgspec.Struct, frozen=True):
    key: str = ""
    value: _Value | None = None


class _Array(msgspec.Struct, frozen=True):
    values: list[_Value] = []


class _Pairs(msgspec.Struct, frozen=True):
    values: list[_Pair] = []


class _Event(msgspec.Struct, frozen=True):
    name: str = ""
    attributes: list[_Pair] = []


class _Status(msgspec.Struct, frozen=True):
    code: int | str = 0
    message: str = ""


class _Span(msgspec.Struct, frozen=True, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    kind: int | str = 0
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    status: _Status = _Status()
    attributes: list[_Pair] = []
    events: list[_Event] = []


class _Record(msgspec.Struct, frozen=True, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    event_name: str = ""
    body: _Value | None = None
    attributes: list[_Pair] = []


class _Resource(msgspec.Struct, frozen=True):
    attributes: list[_Pair] = []


class _Scope(msgspec.Struct, frozen=True, rename="camel"):
    spans: list[msgspec.Raw] = []
    log_records: list[msgspec.Raw] = []


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    resource: _Resource = _Resource()
    scope_spans: list[_Scope] = []
    scope_logs: list[_Scope] = []


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    resource_spans: list[_Group] = []
    resource_logs: list[_Group] = []


_request = msgspec.json.Decoder(_Request).decode
_span_decoder = msgspec.json.Decoder(_Span).decode
_record_decoder = msgspec.json.Decoder(_Record).decode


def read_traces(data: bytes) -> TraceRequest:
    """The spans of one JSON request; InvalidInput when it is no such request at all."""
    spans: list[Span] = []
    unreadable: list[Unreadable] = []
    for group in _decoded(data).resource_spans:
        resource = _attributes(group.resource.attributes)
        for raw in [raw for scope in group.scope_spans for raw in scope.spans]:
            try:
                spans.append(_span(_typed(raw, _Span, _span_decoder), resource))
            except InvalidInput as error:
                unreadable.append(Unreadable(str(error), bytes(raw)))
    return TraceRequest(spans, unreadable)


def read_logs(data: bytes) -> LogsRequest:
    """The log records of one JSON request; InvalidInput when it is no such request at all."""
    records: list[LogRecord] = []
    unreadable: list[Unreadable] = []
    for group in _decoded(data).resource_logs:
        resource = _attributes(group.resource.attributes)
        for raw in [raw for scope in group.scope_logs for raw in scope.log_records]:
            try:
                records.append(_record(_typed(raw, _Record, _record_decoder), resource))
            except InvalidInput as error:
                unreadable.append(Unreadable(str(error), bytes(raw)))
    return LogsRequest(records, unreadable)


def _decoded(data: bytes) -> _Request:
    try:
        return _request(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Taken apart first, which forgives nulls and lone surrogates, and says better what is wrong.
        value = _without_nulls(decode_object(data))
        for path in _RECORDS:
            value = _with_raw_records(value, path)
        return convert(value, _Request)


def _typed(raw: msgspec.Raw, kind: type[_T], decode: Any) -> _T:
    try:
        return decode(raw)  # type: ignore[no-any-return]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return convert(_without_nulls(decode_object(bytes(raw))), kind)


def _with_raw_records(value: Any, path: tuple[str, ...]) -> Any:
    """The value with the records at the end of a path encoded again, so that one that does not fit is told apart."""
    if not path:
        return msgspec.Raw(msgspec.json.encode(value))
    if not isinstance(value, dict) or not isinstance(value.get(path[0]), list):
        return value  # of the wrong type, which the conversion says
    return {**value, path[0]: [_with_raw_records(item, path[1:]) for item in value[path[0]]]}


def _without_nulls(value: Any) -> Any:
    """The value without members that are null: the encoding says that they count as absent."""
    try:
        return _pruned(value)
    except RecursionError:
        raise InvalidInput("nested too deeply") from None


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value


def _span(span: _Span, resource: Attributes) -> Span:
    status = span.status
    return Span(
        _id(span.trace_id, TRACE_ID_BYTES, "traceId"),
        _id(span.span_id, SPAN_ID_BYTES, "spanId"),
        _id(span.parent_span_id, SPAN_ID_BYTES, "parentSpanId"),
        _KINDS.get(span.kind, 0) if isinstance(span.kind, str) else span.kind,
        _number(span.start_time_unix_nano, "startTimeUnixNano"),
        _number(span.end_time_unix_nano, "endTimeUnixNano"),
        _STATUSES.get(status.code, 0) if isinstance(status.code, str) else status.code,
        status.message,
        _attributes(span.attributes),
        [SpanEvent(event.name, _attributes(event.attributes)) for event in span.events],
        resource,
        span.name,
    )


def _record(record: _Record, resource: Attributes) -> LogRecord:
    time_ns = _number(record.time_unix_nano, "timeUnixNano")
    return LogRecord(
        _id(record.trace_id, TRACE_ID_BYTES, "traceId"),
        _id(record.span_id, SPAN_ID_BYTES, "spanId"),
        time_ns or _number(record.observed_time_unix_nano, "observedTimeUnixNano"),
        record.event_name,
        _plain(record.body, 0),
        _attributes(record.attributes),
        resource,
    )


def _attributes(pairs: list[_Pair], depth: int = 0) -> Attributes:
    return {pair.key: _plain(pair.value, depth) for pair in pairs}


def _plain(value: _Value | None, depth: int) -> Any:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if depth > _DEEPEST:
        raise InvalidInput("nested too deeply")
    if value.array_value is not None:
        return [_plain(item, depth + 1) for item in value.array_value.values]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values, depth + 1)
    return _scalar(value)


def _scalar(value: _Value) -> Any:
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return _number(value.int_value, "intValue")
    if value.double_value is not None:
        return value.double_value  # NaN and the infinities come as texts
    return value.bytes_value


def _number(value: int | str, name: str) -> int:
    if isinstance(value, int):
        return value
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER):
        raise InvalidInput(f"{name} is no whole number")
    return int(value)


def _id(text: str, size: int, name: str) -> bytes:
    """An id, in hexadecimal as OTLP asks or in base64 as protobuf's own JSON writes it; its length is not judged."""
    try:
        return bytes.fromhex(text) if len(text) == 2 * size or not text else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise InvalidInput(f"{name} is no id of {size} bytes in hexadecimal") from None
