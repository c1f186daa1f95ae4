"""Spans and log records as the reader sees them, whatever encoding they came in."""

from __future__ import annotations

from typing import Any, Final

import msgspec

SERVER: Final = 2  # opentelemetry.proto.trace.v1.Span.SpanKind
ERROR: Final = 2  # opentelemetry.proto.trace.v1.Status.StatusCode
TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8

Attributes = dict[str, Any]


class SpanEvent(msgspec.Struct, frozen=True, gc=False):
    """Something that happened inside a span."""

    name: str
    attributes: Attributes


class Span(msgspec.Struct, frozen=True, gc=False):
    """One span. Ids are raw bytes, empty where absent; times are nanoseconds since the epoch."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    kind: int
    start_ns: int
    end_ns: int
    status: int
    status_message: str
    attributes: Attributes
    events: list[SpanEvent]
    resource: Attributes
    name: str = ""


class LogRecord(msgspec.Struct, frozen=True, gc=False):
    """One log record; `body` is a text, a structure or nothing."""

    trace_id: bytes
    span_id: bytes
    time_ns: int
    name: str
    body: Any
    attributes: Attributes
    resource: Attributes


class Unreadable(msgspec.Struct, frozen=True):
    """A span or log record that could not be read: why, and what it said, still to be redacted."""

    reason: str
    said: Any


class TraceRequest(msgspec.Struct, frozen=True):
    """The spans of one request in their order, those that could not be read apart."""

    spans: list[Span]
    unreadable: list[Unreadable]


class LogsRequest(msgspec.Struct, frozen=True):
    """The log records of one request in their order, those that could not be read apart."""

    records: list[LogRecord]
    unreadable: list[Unreadable]


def has_ids(trace_id: bytes, span_id: bytes) -> bool:
    """Whether two ids are ones: of the right length, and not all zero, which means none."""
    return len(trace_id) == TRACE_ID_BYTES and len(span_id) == SPAN_ID_BYTES and any(trace_id) and any(span_id)
