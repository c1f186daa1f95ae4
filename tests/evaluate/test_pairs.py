"""Pairs of accounts that were joined, wrongly joined and left apart, by hand and in general."""

from __future__ import annotations

from functools import reduce
from itertools import combinations
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.evaluate.pairs import Pairs, merged_campaigns, pairs_by_campaign

CAMPAIGNS = {"red": ["r1", "r2", "r3"], "blue": ["b1", "b2"]}


def total(clusters: list[list[str]], campaigns: dict[str, list[str]]) -> Pairs:
    return reduce(add, pairs_by_campaign(clusters, campaigns).values(), Pairs())


def test_pairs_by_hand() -> None:
    # r1-r2 right; r1-x, r2-x wrong; r3-b1 merges two campaigns; r1-r3, r2-r3, b1-b2 missed.
    clusters = [["r1", "r2", "x"], ["r3", "b1"], ["y", "z"]]
    found = total(clusters, CAMPAIGNS)
    assert found == Pairs(joined=1, wrong=3, missed=3)
    assert (found.precision, found.recall, found.f1) == (1 / 4, 1 / 4, 1 / 4)
    assert merged_campaigns(clusters, CAMPAIGNS) == 1


def test_innocents_among_themselves_are_no_pair() -> None:
    found = total([["x", "y", "z"]], {})
    assert (found.precision, found.recall, found.f1) == (None, None, None)


def test_perfect_clusters() -> None:
    found = total(list(CAMPAIGNS.values()), CAMPAIGNS)
    assert (found.precision, found.recall, found.f1) == (1, 1, 1)
    assert merged_campaigns(CAMPAIGNS.values(), CAMPAIGNS) == 0


@st.composite
def partitions(draw: st.DrawFn) -> tuple[list[list[str]], dict[str, list[str]]]:
    """Twelve accounts in clusters, and in campaigns or in none (campaign 0)."""
    names = [f"a{number}" for number in range(12)]
    cluster = draw(st.lists(st.integers(0, 4), min_size=12, max_size=12))
    campaign = draw(st.lists(st.integers(0, 3), min_size=12, max_size=12))
    clusters = [[name for name, place in zip(names, cluster, strict=True) if place == number] for number in range(5)]
    campaigns = {
        str(number): [name for name, place in zip(names, campaign, strict=True) if place == number]
        for number in range(1, 4)
    }
    return [one for one in clusters if one], {name: ids for name, ids in campaigns.items() if ids}


@given(partitions())
def test_pairs_are_what_looking_at_every_pair_gives(made: tuple[list[list[str]], dict[str, list[str]]]) -> None:
    clusters, campaigns = made
    together = {pair for cluster in clusters for pair in combinations(sorted(cluster), 2)}
    right = {pair for accounts in campaigns.values() for pair in combinations(sorted(accounts), 2)}
    planted = {account for accounts in campaigns.values() for account in accounts}
    concerned = {pair for pair in together if planted & set(pair)}
    assert total(clusters, campaigns) == Pairs(len(concerned & right), len(concerned - right), len(right - together))


@given(partitions())
def test_f1_is_the_same_when_clusters_and_campaigns_change_places(
    made: tuple[list[list[str]], dict[str, list[str]]],
) -> None:
    clusters, campaigns = made
    planted = {account for accounts in campaigns.values() for account in accounts}
    inside = [kept for cluster in clusters if (kept := [one for one in cluster if one in planted])]
    other = total(list(campaigns.values()), {str(number): cluster for number, cluster in enumerate(inside)})
    there = total(inside, campaigns)
    assert there.f1 == pytest.approx(other.f1)
    assert (there.precision, there.recall) == (other.recall, other.precision)
