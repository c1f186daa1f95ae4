"""Makes sightings and detections for tests of alerts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from stormwatch.hunt.alerts.sightings import Sighting, window_id_of
from stormwatch.model.alert import AlertKind, AlertLevel
from stormwatch.storage.schemas import DETECTIONS

MOMENT = 1_772_445_600_000_000  # 2026-03-02T10:00:00Z


def sighting(number: int = 1, **more: Any) -> Sighting:
    """One of many accounts at which a rule fired."""
    facts: dict[str, Any] = {
        "window_id": window_id_of("test", str(number)),
        "kind": AlertKind.RULE,
        "level": AlertLevel.HIGH,
        "title": "A made-up rule",
        "innocent_explanation": "administrators",
        "cause_id": "rule-1",
        "cause_version": "v1",
        "first_us": MOMENT + number,
        "last_us": MOMENT + number,
        "account_id": f"acct-{number}",
        "event_id": f"ev-{number}",
    }
    return Sighting(**{**facts, **more})


def detections(*rows: dict[str, Any]) -> pa.Table:
    """Rows of the lake's detections."""
    filled = [
        {
            **dict.fromkeys(DETECTIONS.names),
            "event_id": f"ev-{number}",
            "account_id": "acct-1",
            "time_us": MOMENT + number,
            "techniques": [],
            "score": 0.6,
            "shadow": False,
            **row,
        }
        for number, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(filled, schema=DETECTIONS)
