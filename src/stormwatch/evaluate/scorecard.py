"""Scored worlds to a score card: the figures with their intervals, counts, naive rules, campaigns and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import msgspec

from stormwatch.evaluate.bootstrap import RESAMPLES, Interval, intervals, unit_of
from stormwatch.evaluate.counts import Counts, KindRow, count, kind_rows
from stormwatch.evaluate.headline import Headline, Pool, headline
from stormwatch.evaluate.reliability import Reliability, hypothesis_statements, reliability, risk_statements
from stormwatch.evaluate.route import Cost
from stormwatch.evaluate.scored import ScoredCampaign, ScoredWorld
from stormwatch.evaluate.swap import Swap


class NaiveRow(msgspec.Struct, frozen=True):
    """What a naive rule reaches on the same accounts."""

    rule: str
    recall_1_in_10000: float | None
    recall_1_in_1000: float | None
    average_precision: float | None


class CampaignRow(msgspec.Struct, frozen=True):
    """What became of a campaign. `events_until_flagged` is infinite when it was not flagged."""

    world: str
    campaign_id: str
    type: str
    actor: str
    accounts: int
    accounts_over_threshold: int
    pair_f1: float | None
    right_first: float | None
    log_score: float | None
    base_rate_log_score: float | None
    false_flag: bool
    imitated_probability: float | None
    events_until_flagged: float | None


class ScoreCard(msgspec.Struct, frozen=True):
    """All that is told of one world, or of several pooled (their accounts and campaigns thrown together)."""

    name: str
    figures: Headline
    intervals: Mapping[str, Interval]
    resampled: str
    counts: Counts
    naive: tuple[NaiveRow, ...]
    campaigns: tuple[CampaignRow, ...]
    kinds: tuple[KindRow, ...]
    risk_reliability: Reliability
    hypothesis_reliability: Reliability
    cost: Cost | None
    swap: Swap | None


def score_card(name: str, worlds: Sequence[ScoredWorld], resamples: int = RESAMPLES) -> ScoreCard:
    """The card of some worlds; it carries the cost where it is about one."""
    pool = Pool(worlds)
    whole = pool.as_it_is
    return ScoreCard(
        name=name,
        figures=headline(pool, whole),
        intervals=intervals(pool, resamples),
        resampled=unit_of(pool).value,
        counts=count(worlds),
        naive=tuple(
            NaiveRow(
                rule,
                ranking.recall(10_000, whole.accounts),
                ranking.recall(1_000, whole.accounts),
                ranking.average_precision(whole.accounts),
            )
            for rule, ranking in pool.naive.items()
        ),
        campaigns=tuple(_campaign(world.name, one) for world in worlds for one in world.campaigns),
        kinds=kind_rows(worlds),
        risk_reliability=reliability(risk_statements(worlds)),
        hypothesis_reliability=reliability(hypothesis_statements(worlds)),
        cost=worlds[0].cost if len(worlds) == 1 else None,
        swap=reduce(add, swaps) if (swaps := [one.swap for one in worlds if one.swap is not None]) else None,
    )


def _campaign(world: str, one: ScoredCampaign) -> CampaignRow:
    truth, answer = one.truth, one.answer
    return CampaignRow(
        world=world,
        campaign_id=truth.campaign_id,
        type=truth.type,
        actor=truth.actor,
        accounts=len(truth.account_ids),
        accounts_over_threshold=one.accounts_over_threshold,
        pair_f1=one.pairs.f1,
        right_first=answer.right_first if answer else None,
        log_score=answer.log_score if answer else None,
        base_rate_log_score=answer.base_rate_log_score if answer else None,
        false_flag=truth.false_flag,
        imitated_probability=answer.imitated if answer else None,
        events_until_flagged=one.events_until_flagged,
    )
