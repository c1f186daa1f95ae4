"""Makes OTLP requests of spans and log records, as protobuf and as JSON, for tests of the receiver."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

TRACE = "0af7651916cd43dd8448eb211c80319c"
START_NS = 1_772_445_600_250_000_000  # 2026-03-02T10:00:00.250Z
SECOND_NS = 1_000_000_000


def span_id(number: int) -> str:
    """A span id in hexadecimal."""
    return f"{number:016x}"


def span(number: int = 1, attributes: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A span as a plain object, fields named as in JSON; attributes are plain values."""
    return {
        "traceId": TRACE,
        "spanId": span_id(number),
        "name": "chat m-small",
        "kind": 3,
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + SECOND_NS),
        "attributes": dict(attributes or {}),
        **fields,
    }


def chat(number: int = 1, text: str = "translate this page", **more: Any) -> dict[str, Any]:
    """A span of one request in the newest naming; `more` are attributes with underscores for full stops."""
    return span(
        number,
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "m-small",
            "enduser.id": "acct-1",
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}]),
            **more,
        },
    )


def server(number: int, address: str = "203.0.113.7", agent: str = "acme/1.2", **fields: Any) -> dict[str, Any]:
    """The span of an HTTP request at a gateway."""
    attributes = {"client.address": address, "user_agent.original": agent, "http.request.method": "POST"}
    return span(number, attributes, name="POST /v1/chat/completions", kind=2, **fields)


def log(number: int, name: str, body: Any = None, attributes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A log record of a span."""
    return {
        "traceId": TRACE,
        "spanId": span_id(number),
        "timeUnixNano": str(START_NS),
        "eventName": name,
        "body": body,
        "attributes": dict(attributes or {}),
    }


def traces_json(spans: Sequence[Mapping[str, Any]], resource: Mapping[str, Any] | None = None) -> bytes:
    """A trace request as JSON."""
    scopes = [{"spans": [_json_record(item) for item in spans]}]
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": _pairs(resource or {})}, "scopeSpans": scopes}]}
    ).encode()


def logs_json(records: Sequence[Mapping[str, Any]], resource: Mapping[str, Any] | None = None) -> bytes:
    """A logs request as JSON."""
    scopes = [{"logRecords": [_json_record(item) for item in records]}]
    return json.dumps(
        {"resourceLogs": [{"resource": {"attributes": _pairs(resource or {})}, "scopeLogs": scopes}]}
    ).encode()


def traces_protobuf(spans: Sequence[Mapping[str, Any]], resource: Mapping[str, Any] | None = None) -> bytes:
    """The same request as protobuf."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(_messages(resource or {}))
    scope = group.scope_spans.add()
    for item in spans:
        made = scope.spans.add(
            trace_id=bytes.fromhex(item["traceId"]),
            span_id=bytes.fromhex(item["spanId"]),
            parent_span_id=bytes.fromhex(item.get("parentSpanId", "")),
            name=item["name"],
            kind=item["kind"],
            start_time_unix_nano=int(item["startTimeUnixNano"]),
            end_time_unix_nano=int(item["endTimeUnixNano"]),
            attributes=_messages(item["attributes"]),
        )
        made.status.code = item.get("status", {}).get("code", 0)
        made.status.message = item.get("status", {}).get("message", "")
        for event in item.get("events", ()):
            made.events.add(name=event["name"], attributes=_messages(event["attributes"]))
    return request.SerializeToString()


def logs_protobuf(records: Sequence[Mapping[str, Any]], resource: Mapping[str, Any] | None = None) -> bytes:
    """The same request as protobuf."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(_messages(resource or {}))
    scope = group.scope_logs.add()
    for item in records:
        made = scope.log_records.add(
            trace_id=bytes.fromhex(item["traceId"]),
            span_id=bytes.fromhex(item["spanId"]),
            time_unix_nano=int(item["timeUnixNano"]),
            event_name=item["eventName"],
            attributes=_messages(item["attributes"]),
        )
        if item["body"] is not None:
            made.body.CopyFrom(any_message(item["body"]))
    return request.SerializeToString()


def any_json(value: Any) -> dict[str, Any]:
    """A plain value as AnyValue in JSON."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else str(value)}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs(value)}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_json(item) for item in value]}}
    return {}


def any_message(value: Any) -> AnyValue:
    """A plain value as AnyValue in protobuf."""
    made = AnyValue()
    if isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, int):
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, dict):
        made.kvlist_value.values.extend(_messages(value))
        made.kvlist_value.SetInParent()
    elif isinstance(value, list):
        made.array_value.values.extend(any_message(item) for item in value)
        made.array_value.SetInParent()
    return made


def _json_record(item: Mapping[str, Any]) -> dict[str, Any]:
    made = {**item, "attributes": _pairs(item["attributes"])}
    if "events" in item:
        made["events"] = [{**event, "attributes": _pairs(event["attributes"])} for event in item["events"]]
    if "body" in item:
        made["body"] = None if item["body"] is None else any_json(item["body"])
    return made


def _pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": any_json(value)} for name, value in attributes.items()]


def _messages(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=any_message(value)) for name, value in attributes.items()]
