"""Scored worlds to counts: who is over the case threshold, of which kind, and which innocent groups were convicted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

import msgspec

from stormwatch.evaluate.pairs import merged_campaigns
from stormwatch.evaluate.ranking import allowed
from stormwatch.evaluate.scored import ScoredAccount, ScoredWorld
from stormwatch.evaluate.worlds import CONFOUNDER, NON_STATE, PLANTED


class Counts(msgspec.Struct, frozen=True):
    """Accounts by what they are and how many of each are over the threshold; clusters; groups of look-alikes.

    A group is convicted when any of its accounts, and wholly when every one of them, is accused.
    """

    planted: int
    planted_over_threshold: int
    innocents: int
    innocents_over_threshold: int
    non_state: int
    non_state_over_threshold: int
    victims_recognised: int
    allowed_1_in_10000: int
    allowed_1_in_1000: int
    campaigns: int
    clusters: int
    clusters_merging_campaigns: int
    confounder_groups: int
    confounder_groups_convicted: int
    confounder_groups_convicted_whole: int


class KindRow(msgspec.Struct, frozen=True):
    """Accounts of one class and kind: how many, how many accused, and their risks."""

    category: str = msgspec.field(name="class")
    kind: str
    accounts: int
    over_threshold: int
    mean_risk: float
    highest_risk: float


def count(worlds: Sequence[ScoredWorld]) -> Counts:
    """The counts of some worlds together."""
    accounts = [one for world in worlds for one in world.accounts]
    innocents = [one for one in accounts if one.truth.innocent]
    groups = [group for world in worlds for group in _confounder_groups(world.accounts)]
    return Counts(
        planted=sum(one.truth.category == PLANTED for one in accounts),
        planted_over_threshold=sum(one.truth.category == PLANTED and one.over_threshold for one in accounts),
        innocents=len(innocents),
        innocents_over_threshold=sum(one.accused for one in innocents),
        non_state=sum(one.truth.category == NON_STATE for one in accounts),
        non_state_over_threshold=sum(one.truth.category == NON_STATE and one.over_threshold for one in accounts),
        victims_recognised=sum(one.told_as_victim and one.over_threshold for one in innocents),
        allowed_1_in_10000=allowed(len(innocents), 10_000),
        allowed_1_in_1000=allowed(len(innocents), 1_000),
        campaigns=sum(len(world.campaigns) for world in worlds),
        clusters=sum(len(world.clusters) for world in worlds),
        clusters_merging_campaigns=sum(
            merged_campaigns(world.clusters, {one.truth.campaign_id: one.truth.account_ids for one in world.campaigns})
            for world in worlds
        ),
        confounder_groups=len(groups),
        confounder_groups_convicted=sum(any(one.accused for one in group) for group in groups),
        confounder_groups_convicted_whole=sum(all(one.accused for one in group) for group in groups),
    )


def _confounder_groups(accounts: Iterable[ScoredAccount]) -> Iterable[Sequence[ScoredAccount]]:
    groups: dict[str, list[ScoredAccount]] = defaultdict(list)
    for one in accounts:
        if one.truth.category == CONFOUNDER and one.truth.group_id:
            groups[one.truth.group_id].append(one)
    return groups.values()


def kind_rows(worlds: Sequence[ScoredWorld]) -> tuple[KindRow, ...]:
    """A row per class and kind, the classes in alphabetical order, the most accused kinds first."""
    kinds: dict[tuple[str, str], list[ScoredAccount]] = defaultdict(list)
    for world in worlds:
        for one in world.accounts:
            kinds[one.truth.category, one.truth.kind].append(one)
    rows = [
        KindRow(
            category,
            kind,
            len(members),
            sum(one.accused for one in members),
            fmean(one.risk for one in members),
            max(one.risk for one in members),
        )
        for (category, kind), members in kinds.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.category, -row.over_threshold, -row.highest_risk, row.kind)))
