"""The port of whatever keeps accounts out: it is told a state, and asked afterwards what it really answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stormwatch.model.case import DecisionState
from stormwatch.model.errors import StormwatchError


class DeliveryFailed(StormwatchError):
    """A gateway could not be told, or could not be asked; the outbox tries again later."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a gateway has to bring about: the state that one account shall have from now on."""

    order_id: int
    action_id: str
    account_id: str
    state: DecisionState
    reason_code: str | None
    until_us: int | None


class Gateway(Protocol):
    """One place that enforces decisions. A status that it returns is believed only after its probe agrees."""

    @property
    def name(self) -> str:
        """The name under which receipts are kept; it must not change."""
        ...

    def apply(self, order: Order) -> None:
        """Brings the state about. The same order may come twice and must then change nothing; or DeliveryFailed."""
        ...

    def probe(self, account_id: str) -> DecisionState:
        """What the gateway answers for the account now, asked the way a request would be; or DeliveryFailed."""
        ...
