"""Alerts: something that a person should look at now, with its innocent explanation and how far its message got."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AlertKind(StrEnum):
    """What an alert is about."""

    RULE = "rule"
    CORRELATION = "correlation"
    INDICATOR = "indicator"  # who connected or signed up
    ARTEFACT = "artefact"  # what was pasted
    CASE_OPENED = "case-opened"
    ACCOUNT_JOINED = "account-joined"  # an account reached a case that was open already
    STILL_ASKING = "still-asking"  # a suspended account goes on
    HELD_BACK = "held-back"  # a cause raised more alerts than the policy lets leave
    TEST = "test"


class AlertLevel(StrEnum):
    """How soon somebody should look; Sigma's levels."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class DeliveryState(StrEnum):
    """How far an alert's message to one receiver got."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it is kept. `first_us` and `last_us` are times of events, `raised_us` is when it was noticed.

    `seen` counts the sightings that it stands for: one cause at one account within a window raises one alert.
    `held` alerts are kept and not sent.
    """

    alert_id: str
    kind: AlertKind
    level: AlertLevel
    title: str
    innocent_explanation: str
    cause_id: str
    cause_version: str
    first_us: int
    last_us: int
    raised_us: int
    account_id: str | None = None
    event_id: str | None = None
    indicator_id: str | None = None
    lead_id: str | None = None
    case_id: str | None = None
    techniques: tuple[str, ...] = ()
    seen: int = 1
    held: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert's message to one receiver."""

    alert_id: str
    destination: str
    state: DeliveryState
    attempts: int
    next_try_us: int
    last_error: str | None = None
    delivered_us: int | None = None
