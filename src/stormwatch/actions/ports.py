"""The port of whatever keeps accounts out: it is told a state, and asked afterwards what it really answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from stormwatch.model.case import ActionKind, DecisionState
from stormwatch.model.errors import StormwatchError


class DeliveryFailed(StormwatchError):
    """A gateway could not be told, or could not be asked; the outbox tries again later."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a gateway has to bring about: the state that one account shall have from now on.

    `idempotency_key` names this one call: it is the same whenever the call is repeated because its answer was lost, and
    another one when the gateway has to be told anew (another state by now, or its probe told otherwise). Printable
    ASCII without spaces, under 100 characters. `kind` is what was approved; `lifts` says that it is being undone.
    """

    order_id: int
    action_id: str
    account_id: str
    state: DecisionState
    reason_code: str | None
    until_us: int | None
    idempotency_key: str = ""
    kind: ActionKind = ActionKind.SUSPEND
    lifts: bool = False

    @property
    def rotates_keys(self) -> bool:
        """Whether this asks for new keys instead of a state; only gateways with `KeyRotation` are asked."""
        return self.kind is ActionKind.ROTATE_KEY and not self.lifts


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


@runtime_checkable
class KeyRotation(Protocol):
    """What a gateway may do beside: make all keys that an account has now useless, so that it goes on with new ones."""

    def rotate_keys(self, order: Order) -> None:
        """Makes them useless. The same order may come twice and must then spare the new keys; or DeliveryFailed."""
        ...

    def keys_rotated(self, order: Order) -> bool:
        """Whether none of the keys of before opens anything, asked the way a request would be; or DeliveryFailed."""
        ...


@runtime_checkable
class AccountSwitch(Protocol):
    """A gateway that keeps accounts of its own and can only switch them off and on: a limited account passes there.

    Others may switch them on again, or make new keys for them, so it is looked after (`actions.upkeep`).
    """

    @property
    def only_off_and_on(self) -> bool:
        """That it is one."""
        ...


def asked_of(gateway: Gateway, state: DecisionState) -> DecisionState:
    """What a gateway has to answer where a state is ordered."""
    passes = isinstance(gateway, AccountSwitch) and state is DecisionState.LIMIT
    return DecisionState.ALLOW if passes else state
