"""What a detector says of one account, and the port that every detector fills."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from stormwatch.detections.detectors.settings import DetectorSettings
from stormwatch.storage.engine import QueryEngine

RULE_PREFIX = "detector:"


@dataclass(frozen=True, slots=True)
class Finding:
    """One account seen by one detector; `event_id` and `time_us` are of the event that completed what was seen.

    `score` runs from 0 to 1. `level` is the autonomy level where that is what was seen.
    """

    account_id: str
    event_id: str
    time_us: int
    score: float
    summary: str
    level: int | None = None


class Detector(Protocol):
    """Counts over the views `events`, `request_shapes` and `account_records`."""

    name: str

    @property
    def settings(self) -> DetectorSettings:
        """Version, techniques and innocent explanation."""
        ...

    def find(self, engine: QueryEngine) -> Iterable[Finding]:
        """At most one finding an account."""
        ...
