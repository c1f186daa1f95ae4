"""A detection rule as the watch floor runs it: what Sigma said, made typed, with the version of its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stormwatch.detections.conditions import Condition, text_matches
from stormwatch.detections.patterns import Pattern

# How specific a rule of each Sigma level is taken to be, 0 to 1. A topic says less than the lowest level.
LEVEL_SCORES: Final = {"informational": 0.05, "low": 0.15, "medium": 0.35, "high": 0.6, "critical": 0.85}
TOPIC_SCORE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `techniques` are LLM-nn, ATT&CK and ATLAS ids; `topic` names the interest of a topical rule.

    A topical rule is recorded, and by doctrine never raises an account that stands alone. A shadow rule is recorded and
    counts for nothing. `rule_version` changes with everything that can change a detection, and with nothing else.
    """

    rule_id: str
    rule_version: str
    title: str
    description: str
    status: str
    level: str
    techniques: tuple[str, ...]
    condition: Condition
    path: Path
    line: int
    topic: str | None = None
    shadow: bool = False
    references: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """How specific a hit is, 0 to 1."""
        return TOPIC_SCORE if self.topic else LEVEL_SCORES[self.level]

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The distinct patterns of the rule, in the order of its condition."""
        return tuple(dict.fromkeys(pattern for match in text_matches(self.condition) for pattern in match.patterns))
