"""One GenAI span, or a log record that stands for one, to an event as sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stormwatch.events.client_address import NOBODY_TRUSTED, TrustedProxies
from stormwatch.events.readers.otlp.accounts import Account, account_of
from stormwatch.events.readers.otlp.client import Client, client_of
from stormwatch.events.readers.otlp.messages import Said, tools_offered
from stormwatch.events.readers.otlp.shape import Shape, Shapes
from stormwatch.events.readers.otlp.spans import ERROR, Attributes, Span
from stormwatch.events.sent import MAX_NUMBER, SentEvent
from stormwatch.model.errors import InvalidInput

_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {})
_NO_CLIENT: Final = Client(None, None, None)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS: Final = 253_402_300_799 * 10**9  # the last second a datetime can hold
_LONGEST_ACCOUNT: Final = 256
_OPERATION: Final = "gen_ai.operation.name"
_BLOCKED: Final = (" is blocked", "account_suspended")
_REFUSED: Final = frozenset({"content_filter", "refusal", "safety"})


class EventReader:
    """Turns spans into events by one set of names."""

    def __init__(self, shapes: Shapes, proxies: TrustedProxies = NOBODY_TRUSTED) -> None:
        self.shapes = shapes
        self.proxies = proxies
        self.names = shapes.names
        self._nobody = shapes.names.accounts.nobody

    def is_request(self, shape: Shape, attributes: Attributes) -> bool:
        """Whether attributes tell of one request to a model."""
        if not shape.is_recognised:
            return False
        operation = attributes.get(_OPERATION)
        return not (isinstance(operation, str) and operation in self.names.wrapping_operations)

    def event(self, shape: Shape, span: Span, said: Said, client: Client | None) -> SentEvent:
        """The event of a span, what was said in it and what is known of its client; InvalidInput says what lacks."""
        attributes = span.attributes
        account = account_of(shape, attributes, self.shapes.of(span.resource), span.resource, self._nobody)
        if len(account.account_id) > _LONGEST_ACCOUNT:
            raise InvalidInput(f"the account in {account.named_by} is longer than {_LONGEST_ACCOUNT} characters")
        own = client_of(shape, attributes, self.proxies) or _NO_CLIENT
        other = client or _NO_CLIENT
        finish = _finish_reason(attributes, shape.finish_reasons) or next(iter(said.finish_reasons), None)
        failed = span.status == ERROR
        fields: dict[str, Any] = {field: _text(attributes, names) for field, names in shape.texts}
        fields.update({field: _count(attributes, names) for field, names in shape.counts})
        if operation := fields.get("operation"):
            fields["operation"] = self.names.operations.get(operation, operation)
        if failed and not fields.get("error_type"):
            fields["error_type"] = "unknown"
        return SentEvent(
            event_id=event_id(span.trace_id, span.span_id),
            time=moment(span.start_ns),
            account_id=account.account_id,
            source_ip=own.source_ip or other.source_ip,
            ip_source=own.ip_source if own.source_ip else other.ip_source,
            user_agent=own.user_agent or other.user_agent,
            input=said.input or None,
            output=said.output or None,
            tools_offered=tools_offered(shape, attributes),
            tool_calls=said.tool_calls or None,
            finish_reason=finish,
            duration_ms=(span.end_ns - span.start_ns) / 1e6 if span.end_ns >= span.start_ns else None,
            refused=said.refused or finish in _REFUSED,
            blocked=failed and any(words in span.status_message[:512] for words in _BLOCKED),
            attributes=self._rest(span, shape, account),
            **fields,
        )

    def _rest(self, span: Span, shape: Shape, account: Account) -> dict[str, Any]:
        """What no field of an event says."""
        rest = {name: value for name in shape.rest if (value := span.attributes[name]) not in _NOTHING}
        for name in self.names.resource_kept:
            if name in span.resource:
                rest[f"resource.{name}"] = span.resource[name]
        rest["account_from"] = account.named_by
        if account.asserted:
            rest["account_asserted"] = True
        if span.status_message:
            rest["status_message"] = span.status_message
        return rest


def event_id(trace_id: bytes, span_id: bytes) -> str:
    """The id of a span's event: unique, and the same whenever the span is sent again."""
    return f"{trace_id.hex()}-{span_id.hex()}"


def moment(nanoseconds: int) -> datetime:
    """A time in nanoseconds since 1970; InvalidInput when it is none."""
    if not 0 < nanoseconds <= _LAST_NS:
        raise InvalidInput("has no start time")
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def _text(attributes: Attributes, names: Sequence[str]) -> str | None:
    for name in names:
        value = attributes[name]
        if value:
            if isinstance(value, str):
                return value
            if isinstance(value, int | float):
                return str(value)
    return None


def _count(attributes: Attributes, names: Sequence[str]) -> int | None:
    """The first that is a count; LiteLLM's older logger writes counts as texts."""
    for name in names:
        value = attributes[name]
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER:
            return value
    return None


def _finish_reason(attributes: Attributes, names: Sequence[str]) -> str | None:
    for name in names:
        value = attributes[name]
        if isinstance(value, str):
            value = [part.strip(' "') for part in value.strip("[]").split(",")]
        for item in value if isinstance(value, list) else ():
            if isinstance(item, str) and item:
                return item
    return None
