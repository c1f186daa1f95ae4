"""A request of OpenTelemetry's protocol to what is stored of it: events, parts of spans, what was rejected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stormwatch.events.addresses import canonical_address
from stormwatch.events.client_address import NOBODY_TRUSTED, TrustedProxies
from stormwatch.events.normalise import Normaliser
from stormwatch.events.readers.decoding import decode_object
from stormwatch.events.readers.otlp import json_form, protobuf
from stormwatch.events.readers.otlp.batch import (
    ClientPart,
    MessagePart,
    OtlpBatch,
    SpanId,
    Taken,
    read_records,
    read_spans,
)
from stormwatch.events.readers.otlp.event import EventReader, event_id
from stormwatch.events.readers.otlp.messages import Said
from stormwatch.events.readers.otlp.names import AttributeNames, attribute_names
from stormwatch.events.readers.otlp.shape import Shapes
from stormwatch.events.readers.otlp.spans import Unreadable
from stormwatch.events.records import EventRecord
from stormwatch.events.redaction import Redactor
from stormwatch.events.sent import SentEvent
from stormwatch.events.span_parts import SpanClient, SpanMessagePart, SpanMessages, SpanParts, SpanRef
from stormwatch.events.turns import calls, turns
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.keyring import Keyring

_LONGEST_AGENT: Final = 4096
_encode: Final = msgspec.json.Encoder().encode

Awaited = dict[str, tuple[SpanRef | None, SpanRef | None]]


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """Why a span or log record was rejected, and what it said, without secrets."""

    reason: str
    data: bytes


@dataclass(frozen=True, slots=True)
class OtlpRecords:
    """What one request gives. `ignored` spans and records tell of no request to a model."""

    events: list[EventRecord]
    parts: SpanParts
    rejected: list[RejectedRecord]
    ignored: int


class OtlpReader:
    """Reads requests. Safe for several threads."""

    def __init__(
        self,
        keyring: Keyring,
        max_record_bytes: int,
        account_attributes: Sequence[str] = (),
        proxies: TrustedProxies = NOBODY_TRUSTED,
    ) -> None:
        self._names = attribute_names()
        self._reader = EventReader(Shapes(self._names, account_attributes), proxies)
        self._normaliser = Normaliser(keyring)
        self._max_record_bytes = max_record_bytes

    def traces(self, body: bytes, *, is_json: bool) -> OtlpRecords:
        """Reads an ExportTraceServiceRequest; InvalidInput when it is none."""
        request = json_form.read_traces(body) if is_json else protobuf.read_traces(body)
        return self._records(read_spans(self._reader, request), len(body))

    def logs(self, body: bytes, *, is_json: bool) -> OtlpRecords:
        """Reads an ExportLogsServiceRequest; InvalidInput when it is none."""
        request = json_form.read_logs(body) if is_json else protobuf.read_logs(body)
        return self._records(read_records(self._reader, request), len(body))

    def line(self, data: bytes) -> OtlpRecords:
        """Reads a JSON request of either kind, as collectors write them to files; InvalidInput when it is neither."""
        if b'"resourceLogs"' in data and "resourceLogs" in decode_object(data):
            return self.logs(data, is_json=True)
        if b'"resourceSpans"' not in data:
            raise InvalidInput("holds neither resourceSpans nor resourceLogs")
        return self.traces(data, is_json=True)

    def without_secrets(self, said: Any) -> bytes:
        """What was said, for quarantine: no attribute that may hold a raw key, and no text with the shape of one."""
        return without_secrets(said, self._names, self._normaliser.redactor)

    def _records(self, batch: OtlpBatch, size: int) -> OtlpRecords:
        rejected = batch.rejected
        if size > self._max_record_bytes:
            self._reject_long(batch)
        events, awaited = self._events(batch.taken, rejected)
        clients = [part for part in map(self._client, batch.clients) if part is not None]
        parts = SpanParts(clients, self._messages(batch.messages, rejected), awaited)
        kept = [RejectedRecord(item.reason, self.without_secrets(item.said)) for item in rejected]
        return OtlpRecords(events, parts, kept, batch.ignored)

    def _reject_long(self, batch: OtlpBatch) -> None:
        """Asked only where the whole request is long enough to hold a record that is too long."""
        most = self._max_record_bytes
        for item in [item for item in batch.taken if len(_encode(item.event)) > most]:
            batch.taken.remove(item)
            batch.rejected.append(Unreadable(f"longer than {most} bytes", item.event))
        for part in [part for part in batch.messages if len(_encode(part.said)) > most]:
            batch.messages.remove(part)
            batch.rejected.append(Unreadable(f"longer than {most} bytes", part.said))

    def _events(self, taken: Sequence[Taken], rejected: list[Unreadable]) -> tuple[list[EventRecord], Awaited]:
        events: list[EventRecord] = []
        awaited: Awaited = {}
        for item in taken:
            try:
                record = self._record(item.event)
            except InvalidInput as error:
                rejected.append(Unreadable(str(error), item.event))
                continue
            events.append(record)
            if item.span is not None or item.parent is not None:
                awaited[record.event_id] = (_ref(item.span), _ref(item.parent))
        return events, awaited

    def _record(self, event: SentEvent) -> EventRecord:
        try:
            return self._normaliser.event(event)
        except RecursionError:
            raise InvalidInput("nested too deeply") from None

    def _client(self, part: ClientPart) -> SpanClient | None:
        client = part.client
        address = canonical_address(client.source_ip) if client.source_ip else None
        agent = client.user_agent
        if agent:
            agent = self._normaliser.redactor.text(agent.replace("\0", "\ufffd"))[:_LONGEST_AGENT]
        if address is None and not agent:
            return None
        return SpanClient(_pair(part.span), address, client.ip_source if address else None, agent)

    def _messages(self, parts: Sequence[MessagePart], rejected: list[Unreadable]) -> list[SpanMessagePart]:
        found: list[SpanMessagePart] = []
        for part in parts:
            try:
                alone = self._record(part.alone) if part.alone is not None else None
                named = event_id(part.span.trace_id, part.span.span_id)
                time_us = part.time_ns // 1000
                found.append(SpanMessagePart(_pair(part.span), named, time_us, self._said(part.said), alone))
            except InvalidInput as error:
                rejected.append(Unreadable(str(error), part.said))
        return found

    def _said(self, said: Said) -> SpanMessages:
        clean = self._normaliser.redactor.text
        try:
            called = calls(said.tool_calls, said.output)
            return SpanMessages(
                [(turn.role, clean(turn.content)) for turn in turns(said.input)],
                [(turn.role, clean(turn.content)) for turn in turns(said.output)],
                [(clean(call.name), clean(call.arguments)) for call in called],
                next(iter(said.finish_reasons), None),
                said.refused,
            )
        except RecursionError:
            raise InvalidInput("nested too deeply") from None


def without_secrets(said: Any, names: AttributeNames, redactor: Redactor) -> bytes:
    """What was said, for quarantine: no attribute that may hold a raw key, and no text with the shape of one."""
    if isinstance(said, bytes):
        if any(name.rstrip("*").encode() in said for name in names.secret):
            return f"{len(said)} bytes that may hold a raw key were not kept".encode()
        # Latin-1 gives every byte a character and back, so that only what has the shape of a secret changes.
        return redactor.text(said.decode("latin-1")).encode("latin-1")
    plain = msgspec.to_builtins(said)
    try:
        return _encode(redactor.tree(_unnamed(plain, names)))
    except RecursionError:
        return b'"nested too deeply to be kept"'


def _unnamed(value: Any, names: AttributeNames) -> Any:
    if isinstance(value, dict):
        return {name: _unnamed(item, names) for name, item in value.items() if not names.is_secret(str(name))}
    if isinstance(value, list):
        return [_unnamed(item, names) for item in value]
    return value


def _pair(span: SpanId) -> SpanRef:
    return span.trace_id, span.span_id


def _ref(span: SpanId | None) -> SpanRef | None:
    return None if span is None else _pair(span)
