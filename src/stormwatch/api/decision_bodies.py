"""What gateways read about decisions, in JSON."""

from __future__ import annotations

import msgspec


class DecisionBody(msgspec.Struct, frozen=True):
    """A decision as gateways read it; `until` is RFC 3339."""

    state: str
    reason_code: str | None
    appeal_url: str | None
    until: str | None


class ListedDecision(msgspec.Struct, frozen=True):
    """A decision in the whole list."""

    account: str
    state: str
    reason_code: str | None
    appeal_url: str | None
    until: str | None


class Refusal(msgspec.Struct, frozen=True):
    """Why an account is refused, in words that a gateway may pass on to its holder."""

    error: str
    reason_code: str | None
    appeal_url: str | None
