"""Who the assessments say is behind a campaign, against who is, for the accounts that reach the case threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from stormwatch.attribution.base_rates import BaseRates
from stormwatch.evaluate.outcome import Subject
from stormwatch.evaluate.worlds import TrueCampaign
from stormwatch.model.assessment import BENIGN, COMPROMISED_ACCOUNT, NON_STATE_ABUSE, UNKNOWN_ACTOR

# A probability of nought would cost infinitely much: the score stops at one in a million.
LEAST_PROBABILITY: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of a campaign: means over its accounts that reached the threshold; scores in bits (log2).

    `log_score` is that of the right hypotheses, given that the account is not innocent; `base_rate_log_score` is what
    the base rates alone would score. `imitated` is the probability of whom the campaign pretends to be.
    """

    accounts: int
    right_first: float
    unknown_first: float
    log_score: float
    base_rate_log_score: float
    imitated: float | None


def rates_without_evidence(rates: BaseRates, actors: Sequence[str]) -> Mapping[str, float]:
    """The odds among the explanations other than `benign` that the product starts from; they add to 1."""
    base = rates.base_rates
    return {
        UNKNOWN_ACTOR: base.unknown_actor,
        NON_STATE_ABUSE: base.non_state_abuse,
        COMPROMISED_ACCOUNT: base.compromised_account,
        **{actor: base.tracked_actors / len(actors) for actor in actors},
    }


def answer_of(campaign: TrueCampaign, subjects: Sequence[Subject], rates: Mapping[str, float]) -> Answer | None:
    """The answer of a campaign from the subject of each account over the threshold; None when none got there."""
    assessed = [subject for subject in subjects if subject.odds]
    if not assessed:
        return None
    right, imitated = campaign.right, campaign.imitated_actor
    return Answer(
        accounts=len(assessed),
        right_first=fmean(subject.leading in right for subject in assessed),
        unknown_first=fmean(subject.leading == UNKNOWN_ACTOR for subject in assessed),
        log_score=fmean(_bits(given_guilt(subject, right)) for subject in assessed),
        base_rate_log_score=_bits(sum(rates.get(name, 0.0) for name in right)),
        imitated=fmean(subject.probability({imitated}) for subject in assessed) if imitated else None,
    )


def given_guilt(subject: Subject, right: frozenset[str]) -> float:
    """Probability of the right hypotheses once `benign` is left out."""
    guilt = 1.0 - subject.probability({BENIGN})
    return subject.probability(right - {BENIGN}) / guilt if guilt > 0 else 0.0


def _bits(probability: float) -> float:
    return math.log2(max(probability, LEAST_PROBABILITY))
