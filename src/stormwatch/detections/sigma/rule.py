"""A detection rule as the watch floor runs it: what Sigma said, made typed, with the version of its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stormwatch.detections.sigma.conditions import Condition, text_matches
from stormwatch.detections.sigma.patterns import Pattern

# How specific a rule of each Sigma level is taken to be, 0 to 1. A topic says less than the lowest level.
LEVEL_SCORES: Final = {"informational": 0.05, "low": 0.15, "medium": 0.35, "high": 0.6, "critical": 0.85}
TOPIC_SCORE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `techniques` are LLM-nn, ATT&CK and ATLAS ids; `topic` names the interest of a topical rule.

    A topical rule is recorded, and by doctrine never raises an account that stands alone. The hits of a rule with
    `shadow` are recorded and count for nothing: because its file says so (`declared_shadow`), or because it is a step
    of the correlations `component_of`, which do not let it speak for itself. `filters` are the ids of the filters that
    narrow it. `rule_version` changes with everything that can change a detection, and with nothing else.
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
    name: str | None = None
    topic: str | None = None
    shadow: bool = False
    declared_shadow: bool = False
    component_of: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """How specific a hit is, 0 to 1."""
        return score_of(self.level, self.topic)

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The distinct patterns of the rule, in the order of its condition."""
        return tuple(dict.fromkeys(pattern for match in text_matches(self.condition) for pattern in match.patterns))


def score_of(level: str, topic: str | None) -> float:
    """How specific a hit of a rule or correlation of this level is, 0 to 1."""
    return TOPIC_SCORE if topic else LEVEL_SCORES[level]
