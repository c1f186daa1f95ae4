"""A rule or detector firing on one event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DetectionKind(StrEnum):
    """What fired: a content rule, an indicator on the connection or sign-up, or an indicator pasted in text."""

    RULE = "rule"
    INDICATOR = "indicator"
    ARTEFACT = "artefact"


@dataclass(frozen=True, slots=True)
class Detection:
    """One firing. `techniques` are LLM-nn, ATT&CK or ATLAS ids; `score` is 0 to 1 and says how specific the rule is."""

    event_id: str
    account_id: str
    time_us: int
    rule_id: str
    rule_version: str
    kind: DetectionKind
    techniques: tuple[str, ...] = ()
    score: float = 0.0
    shadow: bool = False
