"""A message to a Detection Finding of the Open Cybersecurity Schema Framework (OCSF 1.5, class 2004)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import stormwatch
from stormwatch.hunt.alerts.message import Message
from stormwatch.model.alert import AlertKind, AlertLevel

_VERSION: Final = "1.5.0"
_CATEGORY: Final = 2  # Findings
_CLASS: Final = 2004  # Detection Finding
_CREATE: Final = 1
_NEW: Final = 1
_RULE, _BEHAVIOURAL = 1, 2  # analytic types
_SEVERITIES: Final[Mapping[AlertLevel, tuple[int, str]]] = {
    AlertLevel.INFORMATIONAL: (1, "Informational"),
    AlertLevel.LOW: (2, "Low"),
    AlertLevel.MEDIUM: (3, "Medium"),
    AlertLevel.HIGH: (4, "High"),
    AlertLevel.CRITICAL: (5, "Critical"),
}
_MITRE: Final = re.compile(r"(?P<technique>(?:AML\.)?T\d{4})(?P<sub>\.\d{3})?")
_OWN: Final = ("indicator_id", "lead_id", "case_id")


def ocsf_finding(message: Message) -> Mapping[str, Any]:
    """The finding. Techniques that ATT&CK and ATLAS do not know stand under `unmapped`, as do our own ids."""
    severity_id, severity = _SEVERITIES[message.level]
    finding: dict[str, Any] = {
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_uid": _CATEGORY,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + _CREATE,
        "type_name": "Detection Finding: Create",
        "time": message.raised_ms,
        "start_time": message.first_ms,
        "end_time": message.last_ms,
        "count": message.seen,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": _NEW,
        "status": "New",
        "is_alert": message.kind is not AlertKind.TEST,
        "message": message.title,
        "metadata": {
            "version": _VERSION,
            "uid": message.alert_id,
            "event_code": message.kind.value,
            "product": {"name": "Stormwatch", "vendor_name": "Stormwatch", "version": stormwatch.__version__},
        },
        "finding_info": _finding_info(message),
        "unmapped": _unmapped(message),
    }
    if message.account is not None:
        evidence: dict[str, Any] = {"actor": {"user": {"uid": message.account}}}
        if message.event is not None:
            evidence["data"] = {"event_id": message.event}
        finding["evidences"] = [evidence]
    return finding


def _finding_info(message: Message) -> Mapping[str, Any]:
    info: dict[str, Any] = {
        "uid": message.alert_id,
        "title": message.title,
        "desc": f"{message.title}. Innocent explanation: {message.innocent_explanation}",
        "types": [message.kind.value],
        "created_time": message.raised_ms,
        "first_seen_time": message.first_ms,
        "last_seen_time": message.last_ms,
        "analytic": {
            "uid": message.rule_id,
            "name": message.title,
            "version": message.rule_version,
            "type_id": _RULE if message.kind in {AlertKind.RULE, AlertKind.CORRELATION} else _BEHAVIOURAL,
        },
    }
    attacks = [_attack(found) for name in message.techniques if (found := _MITRE.fullmatch(name))]
    if attacks:
        info["attacks"] = attacks
    return info


def _attack(found: re.Match[str]) -> Mapping[str, Any]:
    attack: dict[str, Any] = {"technique": {"uid": found["technique"]}}
    if found["sub"]:
        attack["sub_technique"] = {"uid": found[0]}
    return attack


def _unmapped(message: Message) -> Mapping[str, Any]:
    own: dict[str, Any] = {"innocent_explanation": message.innocent_explanation}
    own.update((name, value) for name in _OWN if (value := getattr(message, name)) is not None)
    others = [name for name in message.techniques if not _MITRE.fullmatch(name)]
    return own | ({"techniques": others} if others else {})
