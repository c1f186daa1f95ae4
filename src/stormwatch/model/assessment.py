"""Rival hypotheses about who is behind an account or cluster, with words from ICD 203 for the odds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

UNKNOWN_ACTOR: Final = "unknown-actor"
NON_STATE_ABUSE: Final = "non-state-abuse"
COMPROMISED_ACCOUNT: Final = "compromised-account"
BENIGN: Final = "benign"
RESIDUAL_HYPOTHESES: Final = (UNKNOWN_ACTOR, NON_STATE_ABUSE, COMPROMISED_ACCOUNT, BENIGN)

_RESIDUAL_WORDS: Final = {
    UNKNOWN_ACTOR: "an actor that is not tracked",
    NON_STATE_ABUSE: "abuse without a state behind it",
    COMPROMISED_ACCOUNT: "accounts taken over from their holders",
    BENIGN: "innocent use",
}


def residual_words(hypothesis: str) -> str | None:
    """What people read for a residual explanation; None for a tracked actor."""
    return _RESIDUAL_WORDS.get(hypothesis)


class HypothesisKind(StrEnum):
    """Whether a hypothesis is a tracked actor or what is always also possible."""

    TRACKED_ACTOR = "tracked-actor"
    RESIDUAL = "residual"


class Confidence(StrEnum):
    """How good the ground under a judgement is (ICD 203); never put in one sentence with a likelihood."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One explanation and its probability; those of one assessment add to 1."""

    hypothesis: str
    kind: HypothesisKind
    probability: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is thought of a cluster (or of an account that stands alone), hypotheses in falling order."""

    subject_id: str
    account_ids: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    likelihood: str
    confidence: Confidence
    calibrated_on: str
    flagged_us: int | None
    evidence: tuple[str, ...] = ()

    @property
    def risk(self) -> float:
        """1 - P(benign)."""
        return 1.0 - next((h.probability for h in self.hypotheses if h.hypothesis == BENIGN), 0.0)
