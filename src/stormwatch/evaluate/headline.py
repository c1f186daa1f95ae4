"""Scored worlds to the figures that versions are compared by, for any weighting of their accounts and campaigns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

import msgspec
import numpy as np

from stormwatch.evaluate.answers import Answer
from stormwatch.evaluate.delay import weighted_median
from stormwatch.evaluate.naive import NAIVE_RULES
from stormwatch.evaluate.pairs import Pairs
from stormwatch.evaluate.ranking import Bools, Floats, Ranking
from stormwatch.evaluate.scored import ScoredAccount, ScoredCampaign, ScoredWorld
from stormwatch.evaluate.worlds import NON_STATE, PLANTED
from stormwatch.model.assessment import UNKNOWN_ACTOR

# Below every score: who is told to be a victim is accused last of all.
_LAST: Final = -1.0
FEW, MANY = 30, 100


class Headline(msgspec.Struct, frozen=True):
    """The figures; None where there is nothing to take one of. docs/evaluate.md says each in words.

    The median of events is infinite when half of the campaigns were never flagged.
    """

    recall_1_in_10000: float | None
    recall_1_in_1000: float | None
    linkable_recall_1_in_10000: float | None
    linkable_recall_1_in_1000: float | None
    average_precision: float | None
    best_naive_average_precision: float | None
    average_precision_ratio: float | None
    pair_precision: float | None
    pair_recall: float | None
    pair_f1: float | None
    campaigns_reached: float | None
    right_first: float | None
    right_first_by_account: float | None
    unknown_recall: float | None
    log_score: float | None
    base_rate_log_score: float | None
    log_score_gain: float | None
    log_score_gain_by_account: float | None
    imitated_probability: float | None
    flagged_within_30: float | None
    flagged_within_100: float | None
    median_events_until_flagged: float | None


@dataclass(frozen=True, slots=True)
class Weights:
    """How often each account of the ranking and each campaign counts."""

    accounts: Floats
    campaigns: Floats


class Pool:
    """Accounts and campaigns of one or several worlds together. Abusers without a state are not in the ranking."""

    def __init__(self, worlds: Sequence[ScoredWorld]) -> None:
        self.worlds = worlds
        ranked = [
            (number, one)
            for number, world in enumerate(worlds)
            for one in world.accounts
            if one.truth.category != NON_STATE
        ]
        accounts = [one for _, one in ranked]
        self.campaigns: Sequence[ScoredCampaign] = [one for world in worlds for one in world.campaigns]
        self.world_of_account = np.array([number for number, _ in ranked], dtype=np.int64)
        self.world_of_campaign = np.array(
            [n for n, world in enumerate(worlds) for _ in world.campaigns], dtype=np.int64
        )
        self.planted: Bools = np.array([one.truth.category == PLANTED for one in accounts], dtype=np.bool_)
        self.linkable: Bools = self.planted & ~np.array([one.truth.isolated for one in accounts], dtype=np.bool_)
        self.campaign_of_account = self._campaign_places(ranked)
        self.ranking = Ranking(_scores([_LAST if one.told_as_victim else one.risk for one in accounts]), self.planted)
        self.naive: Mapping[str, Ranking] = {
            name: Ranking(_scores([one.naive[name] for one in accounts]), self.planted) for name in NAIVE_RULES
        }

    def _campaign_places(
        self, ranked: Sequence[tuple[int, ScoredAccount]]
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """For each account the place of its campaign in `campaigns`; -1 for the innocent."""
        names = ((n, one.truth.campaign_id) for n, world in enumerate(self.worlds) for one in world.campaigns)
        place = {name: number for number, name in enumerate(names)}
        found = [
            place[number, one.truth.campaign_id] if one.truth.category == PLANTED else -1 for number, one in ranked
        ]
        return np.array(found, dtype=np.int64)

    @property
    def as_it_is(self) -> Weights:
        """Everything once."""
        return Weights(np.ones(len(self.planted)), np.ones(len(self.campaigns)))


def _scores(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def headline(pool: Pool, weights: Weights) -> Headline:
    """The figures of a pool under these weights."""
    by_account, ranking = weights.accounts, pool.ranking
    precision = ranking.average_precision(by_account)
    naive = [found for one in pool.naive.values() if (found := one.average_precision(by_account)) is not None]
    best = max(naive, default=None)
    campaigns = list(zip(pool.campaigns, weights.campaigns.tolist(), strict=True))
    pairs = reduce(add, (one.pairs * weight for one, weight in campaigns), Pairs())
    answers = [(one, one.answer, weight) for one, weight in campaigns if one.answer is not None]
    delays = [(one.events_until_flagged, w) for one, w in campaigns if one.events_until_flagged is not None]
    return Headline(
        recall_1_in_10000=ranking.recall(10_000, by_account),
        recall_1_in_1000=ranking.recall(1_000, by_account),
        linkable_recall_1_in_10000=ranking.recall(10_000, by_account, pool.linkable),
        linkable_recall_1_in_1000=ranking.recall(1_000, by_account, pool.linkable),
        average_precision=precision,
        best_naive_average_precision=best,
        average_precision_ratio=precision / best if precision is not None and best else None,
        pair_precision=pairs.precision,
        pair_recall=pairs.recall,
        pair_f1=pairs.f1,
        campaigns_reached=_mean([(float(one.accounts_over_threshold > 0), weight) for one, weight in campaigns]),
        right_first=_mean([(answer.right_first, weight) for _, answer, weight in answers]),
        right_first_by_account=_mean([(answer.right_first, weight * answer.accounts) for _, answer, weight in answers]),
        unknown_recall=_mean(
            [(answer.unknown_first, weight) for one, answer, weight in answers if one.truth.actor == UNKNOWN_ACTOR]
        ),
        log_score=_mean_of(answers, lambda answer: answer.log_score),
        base_rate_log_score=_mean_of(answers, lambda answer: answer.base_rate_log_score),
        log_score_gain=_mean_of(answers, _gain),
        log_score_gain_by_account=_mean([(_gain(answer), weight * answer.accounts) for _, answer, weight in answers]),
        imitated_probability=_mean([(a.imitated, weight) for _, a, weight in answers if a.imitated is not None]),
        flagged_within_30=_mean([(float(delay <= FEW), weight) for delay, weight in delays]),
        flagged_within_100=_mean([(float(delay <= MANY), weight) for delay, weight in delays]),
        median_events_until_flagged=weighted_median([d for d, _ in delays], [w for _, w in delays]),
    )


def _gain(answer: Answer) -> float:
    return answer.log_score - answer.base_rate_log_score


def _mean_of(
    answers: Sequence[tuple[ScoredCampaign, Answer, float]], figure: Callable[[Answer], float]
) -> float | None:
    return _mean([(figure(answer), weight) for _, answer, weight in answers])


def _mean(values: Sequence[tuple[float, float]]) -> float | None:
    """The weighted mean of (value, weight); None without weight."""
    total = math.fsum(weight for _, weight in values)
    return math.fsum(value * weight for value, weight in values) / total if total > 0 else None
