"""Usage events and account records as the route hands them over, times in microseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec


class IpSource(StrEnum):
    """How far the client's address can be believed: seen on the socket, told by a configured proxy, or asserted."""

    SOCKET = "socket"
    TRUSTED_PROXY = "trusted_proxy"
    ASSERTED = "asserted"


# What is made for every event is a struct: a frozen dataclass takes six times as long to make and to decode. `gc=False`
# holds because none of them can be part of a cycle.
class Message(msgspec.Struct, frozen=True, gc=False):
    """One turn of a conversation, its parts already joined to text."""

    role: str
    content: str


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    """A tool the model called; arguments as the JSON text that was sent."""

    name: str
    arguments: str


class EventText(msgspec.Struct, frozen=True, gc=False):
    """What was said in one request: kept apart from the event, encrypted, opened for a scan or a case only."""

    event_id: str
    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    attributes: str = "{}"

    @property
    def prompt(self) -> str:
        """The text that the account sent, turns joined by a newline."""
        return _contents(self.input)

    @property
    def response(self) -> str:
        """The text that the model gave back."""
        return _contents(self.output)

    @property
    def tool_arguments(self) -> str:
        """The arguments of all tool calls, joined by a newline."""
        return "\n".join([call.arguments for call in self.tool_calls])


def _contents(turns: tuple[Message, ...]) -> str:
    return turns[0].content if len(turns) == 1 else "\n".join([turn.content for turn in turns])


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One request to a language-model service (spec: usage-event, version 1), redacted and placed in time."""

    event_id: str
    collector: str
    time_us: int
    account_id: str
    text: EventText
    org_id: str | None = None
    end_user_id: str | None = None
    api_key_id: str | None = None
    session_id: str | None = None
    source_ip: str | None = None
    ip_source: IpSource | None = None
    asn: int | None = None
    country: str | None = None
    user_agent: str | None = None
    tls_fingerprint: str | None = None
    device_id: str | None = None
    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    tools_offered: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str | None = None
    error_type: str | None = None
    duration_ms: float | None = None
    refused: bool | None = None
    blocked: bool | None = None
    moderation: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """What the operator knows of an account outside its requests (spec: account-record, version 1)."""

    account_id: str
    org_id: str | None = None
    created_us: int | None = None
    signup_ip: str | None = None
    signup_country: str | None = None
    claimed_country: str | None = None
    email_domain: str | None = None
    email_hash: str | None = None
    phone_prefix: str | None = None
    phone_hash: str | None = None
    payment_fingerprint: str | None = None
    device_id: str | None = None
    programme: str | None = None
    verified_researcher: bool | None = None
    status: str | None = None
    attributes: tuple[tuple[str, str], ...] = field(default=())
