"""One GenAI span, or a log record that stands for one, to an event as sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stormwatch.events.readers.otlp.accounts import account_of
from stormwatch.events.readers.otlp.client import Client, client_of
from stormwatch.events.readers.otlp.messages import Said, tools_offered
from stormwatch.events.readers.otlp.names import AttributeNames
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
    """Turns spans into events by one set of names. `account_attributes` are those the operator vouches for."""

    def __init__(self, names: AttributeNames, account_attributes: Sequence[str] = ()) -> None:
        self.names = names
        self._account_attributes = tuple(account_attributes)

    def is_request(self, attributes: Attributes) -> bool:
        """Whether attributes tell of one request to a model."""
        if self.names.recognised_by.isdisjoint(attributes):
            return False
        operation = attributes.get(_OPERATION)
        return not (isinstance(operation, str) and operation in self.names.wrapping_operations)

    def event(self, span: Span, said: Said, client: Client | None) -> SentEvent:
        """The event of a span, what was said in it and what is known of its client; InvalidInput says what lacks."""
        names, attributes = self.names, span.attributes
        account = account_of(names, self._account_attributes, attributes, span.resource)
        if len(account.account_id) > _LONGEST_ACCOUNT:
            raise InvalidInput(f"the account in {account.named_by} is longer than {_LONGEST_ACCOUNT} characters")
        own = client_of(names, attributes) or _NO_CLIENT
        other = client or _NO_CLIENT
        finish = _finish_reason(attributes, names) or next(iter(said.finish_reasons), None)
        failed = span.status == ERROR
        operation = self._text("operation", attributes)
        return SentEvent(
            event_id=event_id(span.trace_id, span.span_id),
            time=moment(span.start_ns),
            account_id=account.account_id,
            org_id=self._text("org_id", attributes),
            end_user_id=self._text("end_user_id", attributes),
            api_key_id=self._text("api_key_id", attributes),
            session_id=self._text("session_id", attributes),
            source_ip=own.source_ip or other.source_ip,
            ip_source=own.ip_source if own.source_ip else other.ip_source,
            user_agent=own.user_agent or other.user_agent,
            device_id=self._text("device_id", attributes),
            operation=names.operations.get(operation, operation) if operation else None,
            provider=self._text("provider", attributes),
            model=self._text("model", attributes),
            input=said.input or None,
            output=said.output or None,
            tools_offered=tools_offered(names, attributes),
            tool_calls=said.tool_calls or None,
            input_tokens=_count(attributes, names.counts["input_tokens"]),
            output_tokens=_count(attributes, names.counts["output_tokens"]),
            finish_reason=finish,
            error_type=self._text("error_type", attributes) or ("unknown" if failed else None),
            duration_ms=(span.end_ns - span.start_ns) / 1e6 if span.end_ns >= span.start_ns else None,
            refused=said.refused or finish in _REFUSED,
            blocked=failed and any(words in span.status_message[:512] for words in _BLOCKED),
            attributes=self._rest(span, account.named_by, asserted=account.asserted),
        )

    def _text(self, field: str, attributes: Attributes) -> str | None:
        for name in self.names.texts[field]:
            value = attributes.get(name)
            if value:
                if isinstance(value, str):
                    return value
                if isinstance(value, int | float):
                    return str(value)
        return None

    def _rest(self, span: Span, named_by: str, *, asserted: bool) -> dict[str, Any]:
        """What no field of an event says; numbers that JSON cannot write become texts."""
        keeps = self.names.keeps
        rest = {name: value for name, value in span.attributes.items() if keeps(name) and value not in _NOTHING}
        kept = [name for name in self.names.resource_kept if name in span.resource]
        rest.update({f"resource.{name}": span.resource[name] for name in kept})
        rest["account_from"] = named_by
        if asserted:
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


def _count(attributes: Attributes, names: Sequence[str]) -> int | None:
    """The first that is a count; LiteLLM's older logger writes counts as texts."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER:
            return value
    return None


def _finish_reason(attributes: Attributes, names: AttributeNames) -> str | None:
    for name in names.finish_reasons:
        value = attributes.get(name)
        if isinstance(value, str):
            value = [part.strip(' "') for part in value.strip("[]").split(",")]
        for item in value if isinstance(value, list) else ():
            if isinstance(item, str) and item:
                return item
    return None
