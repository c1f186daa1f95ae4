"""A message to a record of the Elastic Common Schema (ECS 8.17): `event.kind: alert`, our ids at `stormwatch`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import stormwatch
from stormwatch.hunt.alerts.message import Message
from stormwatch.model.alert import AlertKind, AlertLevel

_VERSION: Final = "8.17.0"
# The numbers that Elastic's own rules use for these words.
_SEVERITIES: Final[Mapping[AlertLevel, int]] = {
    AlertLevel.INFORMATIONAL: 0,
    AlertLevel.LOW: 21,
    AlertLevel.MEDIUM: 47,
    AlertLevel.HIGH: 73,
    AlertLevel.CRITICAL: 99,
}
_INDICATORS: Final = frozenset({AlertKind.INDICATOR, AlertKind.ARTEFACT})
_ATTACK: Final = re.compile(r"(?P<technique>T\d{4})(?P<sub>\.\d{3})?")


def ecs_record(message: Message) -> Mapping[str, Any]:
    """The record. `user.hash` is the field that ECS keeps for users in anonymous form."""
    threat = message.kind in _INDICATORS
    record: dict[str, Any] = {
        "@timestamp": message.raised_time,
        "ecs": {"version": _VERSION},
        "message": message.title,
        "event": {
            "id": message.alert_id,
            "kind": "alert",
            "category": ["threat" if threat else "intrusion_detection"],
            "type": ["indicator" if threat else "info"],
            "module": "stormwatch",
            "dataset": "stormwatch.alert",
            "provider": "stormwatch",
            "code": message.kind.value,
            "severity": _SEVERITIES[message.level],
            "created": message.raised_time,
            "start": message.first_time,
            "end": message.last_time,
            "reason": f"{message.title}. Innocent explanation: {message.innocent_explanation}",
        },
        "observer": {"vendor": "Stormwatch", "product": "Stormwatch", "version": stormwatch.__version__},
        "rule": {
            "id": message.rule_id,
            "name": message.title,
            "version": message.rule_version,
            "ruleset": "stormwatch",
            "category": message.kind.value,
        },
        "stormwatch": _own(message),
    }
    if message.account is not None:
        record["user"] = {"hash": message.account}
        record["related"] = {"hash": [message.account]}
    techniques = _techniques([found for name in message.techniques if (found := _ATTACK.fullmatch(name))])
    if techniques:
        record["threat"] = {"framework": "MITRE ATT&CK", "technique": techniques}
    return record


def _own(message: Message) -> Mapping[str, Any]:
    own = {
        "innocent_explanation": message.innocent_explanation,
        "level": message.level.value,
        "seen": message.seen,
        "event_id": message.event,
        "indicator_id": message.indicator_id,
        "lead_id": message.lead_id,
        "case_id": message.case_id,
        "techniques": list(message.techniques) or None,
    }
    return {name: value for name, value in own.items() if value is not None}


def _techniques(found: Sequence[re.Match[str]]) -> Mapping[str, Any]:
    if not found:
        return {}
    techniques: dict[str, Any] = {"id": sorted({match["technique"] for match in found})}
    below = sorted({match[0] for match in found if match["sub"]})
    return techniques | ({"subtechnique": {"id": below}} if below else {})
