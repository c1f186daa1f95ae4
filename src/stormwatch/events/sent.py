"""Events and account records as senders tell them (spec: usage-event and account-record, version 1), types checked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

MAX_NUMBER: Final = 2**63 - 1

Aware = Annotated[datetime, Meta(tz=True)]
Id = Annotated[str, Meta(min_length=1, max_length=256)]
EventId = Annotated[str, Meta(min_length=1, max_length=128)]
Country = Annotated[str, Meta(pattern="^[A-Z]{2}$")]
Count = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
AutonomousSystem = Annotated[int, Meta(ge=0, le=4_294_967_295)]
Milliseconds = Annotated[float, Meta(ge=0)]


class SentMessage(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """One turn; `parts` (GenAI conventions) instead of `content`."""

    role: str
    content: str | None = None
    parts: list[Any] | None = None


class SentToolCall(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A tool the model called."""

    name: str
    arguments: str | dict[str, Any] | None = None


class SentEvent(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """One request with its response. Lengths of what callers choose themselves are cut later, not refused here:
    otherwise a long user agent would be a way to stay unseen.
    """

    event_id: EventId
    time: Aware
    account_id: Id
    org_id: str | None = None
    end_user_id: str | None = None
    api_key_id: str | None = None
    session_id: str | None = None
    source_ip: str | None = None
    ip_source: Literal["socket", "trusted_proxy", "asserted"] | None = None
    asn: AutonomousSystem | None = None
    country: Country | None = None
    user_agent: str | None = None
    tls_fingerprint: str | None = None
    device_id: str | None = None
    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    input: list[SentMessage] | None = None
    output: list[SentMessage] | None = None
    tools_offered: list[str] | None = None
    tool_calls: list[SentToolCall] | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    finish_reason: str | None = None
    error_type: str | None = None
    duration_ms: Milliseconds | None = None
    refused: bool | None = None
    blocked: bool | None = None
    moderation: dict[str, float] | None = None
    attributes: dict[str, Any] | None = None


class SentAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the operator knows of an account; a field that is absent leaves what was known, null clears it."""

    account_id: Id
    org_id: str | UnsetType | None = UNSET
    created_time: Aware | UnsetType | None = UNSET
    signup_ip: str | UnsetType | None = UNSET
    signup_country: Country | UnsetType | None = UNSET
    claimed_country: Country | UnsetType | None = UNSET
    email_domain: str | UnsetType | None = UNSET
    email_hash: str | UnsetType | None = UNSET
    phone_prefix: str | UnsetType | None = UNSET
    phone_hash: str | UnsetType | None = UNSET
    payment_fingerprint: str | UnsetType | None = UNSET
    device_id: str | UnsetType | None = UNSET
    programme: str | UnsetType | None = UNSET
    verified_researcher: bool | UnsetType | None = UNSET
    status: Literal["active", "suspended", "closed"] | UnsetType | None = UNSET
    attributes: dict[str, Any] | UnsetType | None = UNSET
