"""An alert to what may leave the house of it: no text, no address, no account's own id, nothing that names a person."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from stormwatch.model.alert import Alert, AlertKind, AlertLevel
from stormwatch.model.times import format_rfc3339
from stormwatch.storage.keyring import Keyring

# An id as machines make them. What callers may choose freely (some gateways take over a caller's event id) and does not
# look like one leaves as a keyed hash.
_MACHINE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
_PURPOSE: Final = "alerts"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is told. Times are RFC 3339, UTC; `account` is a keyed hash that only this home can resolve."""

    alert_id: str
    kind: AlertKind
    level: AlertLevel
    title: str
    innocent_explanation: str
    rule_id: str
    rule_version: str
    account: str | None
    event: str | None
    indicator_id: str | None
    lead_id: str | None
    case_id: str | None
    techniques: tuple[str, ...]
    seen: int
    first_time: str
    last_time: str
    raised_time: str
    first_ms: int
    last_ms: int
    raised_ms: int


def message_of(alert: Alert, keyring: Keyring) -> Message:
    """The message of an alert. Titles and explanations come from rules, policy and lists, never from traffic."""
    return Message(
        alert_id=alert.alert_id,
        kind=alert.kind,
        level=alert.level,
        title=alert.title,
        innocent_explanation=alert.innocent_explanation,
        rule_id=alert.cause_id,
        rule_version=alert.cause_version,
        account=None if alert.account_id is None else account_pseudonym(keyring, alert.account_id),
        event=_event_reference(keyring, alert),
        indicator_id=_reference(keyring, alert.indicator_id),
        lead_id=alert.lead_id,
        case_id=alert.case_id,
        techniques=alert.techniques,
        seen=alert.seen,
        first_time=format_rfc3339(alert.first_us),
        last_time=format_rfc3339(alert.last_us),
        raised_time=format_rfc3339(alert.raised_us),
        first_ms=alert.first_us // 1000,
        last_ms=alert.last_us // 1000,
        raised_ms=alert.raised_us // 1000,
    )


def account_pseudonym(keyring: Keyring, account_id: str) -> str:
    """The name under which receivers of alerts know an account."""
    return keyring.keyed_hash(f"{_PURPOSE}:account", account_id)


def _event_reference(keyring: Keyring, alert: Alert) -> str | None:
    event_id = alert.event_id
    if event_id is None:
        return None
    if alert.account_id and alert.account_id in event_id:
        return _hashed(keyring, event_id)
    return _reference(keyring, event_id)


def _reference(keyring: Keyring, value: str | None) -> str | None:
    if value is None or _MACHINE_ID.fullmatch(value):
        return value
    return _hashed(keyring, value)


def _hashed(keyring: Keyring, value: str) -> str:
    return "hashed-" + keyring.keyed_hash(f"{_PURPOSE}:reference", value)
