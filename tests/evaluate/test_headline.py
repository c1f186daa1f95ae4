"""The figures of worlds, alone and pooled, and how far they would move with others."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from stormwatch.evaluate.answers import Answer
from stormwatch.evaluate.bootstrap import Resampled, intervals, unit_of
from stormwatch.evaluate.counts import count, kind_rows
from stormwatch.evaluate.delay import NEVER
from stormwatch.evaluate.headline import Headline, Pool, headline
from stormwatch.evaluate.scored import ScoredWorld
from world_scoring import Made, world


def figures(*worlds: ScoredWorld) -> Headline:
    pool = Pool(worlds)
    return headline(pool, pool.as_it_is)


def test_abusers_without_a_state_are_neither_hit_nor_false_accusation() -> None:
    accounts = [Made("planted", 0.8, "c"), Made("benign", 0.1)]
    abusers = [Made("non-state-abuse", 0.9, kind="fraud-ring")] * 3
    assert figures(world([*abusers, *accounts])) == figures(world(accounts))
    counts = count([world([*abusers, *accounts])])
    assert (counts.planted_over_threshold, counts.innocents_over_threshold, counts.non_state_over_threshold) == (
        1,
        0,
        3,
    )


def test_the_holder_of_a_stolen_key_is_accused_unless_told_to_be_a_victim() -> None:
    def ended(*, told: bool) -> ScoredWorld:
        owner = Made("confounder", 0.9, kind="stolen-key-owner", group_id="stolen-c", told_as_victim=told)
        return world([owner, Made("planted", 0.8, "c")])

    assert figures(ended(told=True)).recall_1_in_1000 == 1.0
    assert figures(ended(told=False)).recall_1_in_1000 == 0.0
    told, accused = count([ended(told=True)]), count([ended(told=False)])
    assert (told.innocents_over_threshold, told.victims_recognised, told.confounder_groups_convicted) == (0, 1, 0)
    assert (accused.innocents_over_threshold, accused.victims_recognised) == (1, 0)
    assert (accused.confounder_groups_convicted, accused.confounder_groups_convicted_whole) == (1, 1)


def test_a_group_with_one_accused_is_convicted_but_not_whole() -> None:
    group = [Made("confounder", risk, kind="university", group_id="u") for risk in (0.9, 0.1)]
    counts = count([world([*group, Made("confounder", 0.1, kind="cgnat", group_id="n"), Made("benign", 0.9)])])
    assert (counts.confounder_groups, counts.confounder_groups_convicted) == (2, 1)
    assert (counts.confounder_groups_convicted_whole, counts.innocents_over_threshold) == (0, 2)


def test_groups_and_campaigns_of_two_worlds_are_not_confused() -> None:
    one = world([Made("planted", 0.8, "c"), Made("planted", 0.8, "c")], [(0, 1)], name="one")
    two = world([Made("planted", 0.1, "c"), Made("planted", 0.1, "c")], name="two")
    both = figures(one, two)
    assert (both.pair_recall, both.campaigns_reached) == (0.5, 0.5)
    assert count([one, two]).campaigns == 2


def test_pooled_accounts_are_ranked_together() -> None:
    # In each world alone the planted account is on top; together an innocent of the first is above the second's.
    one = world([Made("planted", 0.9, "c"), Made("benign", 0.6)], name="one")
    two = world([Made("planted", 0.5, "c"), Made("benign", 0.1)], name="two")
    assert figures(one).recall_1_in_1000 == figures(two).recall_1_in_1000 == 1.0
    assert figures(one, two).recall_1_in_1000 == 0.5


def test_the_best_naive_rule_is_the_one_to_beat() -> None:
    accounts = [Made("planted", 0.9, "c"), Made("benign", 0.1, naive=1.0), Made("benign", 0.1, naive=1.0)]
    found = figures(world(accounts))
    assert (found.average_precision, found.best_naive_average_precision) == (1.0, pytest.approx(1 / 3))
    assert found.average_precision_ratio == pytest.approx(3.0)


def test_campaigns_count_alike_and_accounts_count_alike() -> None:
    accounts = [Made("planted", 0.9, "big")] * 3 + [Made("planted", 0.9, "small")]
    answers = {
        "big": Answer(3, right_first=0.0, unknown_first=1.0, log_score=-4.0, base_rate_log_score=-1.0, imitated=0.2),
        "small": Answer(1, right_first=1.0, unknown_first=0.0, log_score=-1.0, base_rate_log_score=-3.0, imitated=None),
    }
    actors = {"big": "unknown-actor", "small": "a-typhoon"}
    found = figures(world(accounts, answers=answers, actors=actors, delays={"big": 30.0, "small": NEVER}))
    assert (found.right_first, found.right_first_by_account) == (0.5, 0.25)
    assert (found.log_score, found.base_rate_log_score, found.log_score_gain) == (-2.5, -2.0, -0.5)
    assert found.log_score_gain_by_account == pytest.approx((3 * -3.0 + 2.0) / 4)
    assert (found.unknown_recall, found.imitated_probability) == (1.0, 0.2)
    assert (found.flagged_within_30, found.flagged_within_100, found.median_events_until_flagged) == (0.5, 0.5, 30.0)


def test_kinds_by_hand() -> None:
    rows = kind_rows([world([Made("benign", 0.2), Made("benign", 0.6), Made("benign", 0.1, kind="api-client")])])
    assert [(row.kind, row.accounts, row.over_threshold, row.mean_risk, row.highest_risk) for row in rows] == [
        ("ordinary", 2, 1, pytest.approx(0.4), 0.6),
        ("api-client", 1, 0, pytest.approx(0.1), 0.1),
    ]


def test_worlds_are_drawn_again_as_worlds_and_one_world_by_campaigns() -> None:
    one = world([Made("planted", 0.9, "c"), Made("benign", 0.1)], name="one")
    two = world([Made("planted", 0.1, "c"), Made("benign", 0.1)], name="two")
    assert unit_of(Pool([one])) is Resampled.CAMPAIGNS
    assert unit_of(Pool([one, two])) is Resampled.WORLDS
    reached = intervals(Pool([one, two]), 200)["campaigns_reached"]
    assert (reached.low, reached.high) == (0.0, 1.0)


def test_a_median_that_may_be_never_says_so() -> None:
    accounts = [Made("planted", 0.9, "a"), Made("planted", 0.1, "b"), Made("benign", 0.1)]
    found = intervals(Pool([world(accounts, delays={"a": 4.0, "b": NEVER})]), 200)["median_events_until_flagged"]
    assert found.low == 4.0
    assert math.isinf(found.high)


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_worlds_that_are_all_alike_leave_nothing_uncertain(planted: list[float], innocent: list[float]) -> None:
    accounts = [Made("planted", risk, "c") for risk in planted] + [Made("benign", risk) for risk in innocent]
    worlds = [world(accounts, [range(len(accounts))], name=name) for name in ("one", "two", "three")]
    found, point = intervals(Pool(worlds), 20), asdict(figures(*worlds))
    for name, interval in found.items():
        assert interval.low == pytest.approx(point[name])
        assert interval.high == pytest.approx(point[name])


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["a", "b", ""])), min_size=2, max_size=12))
def test_intervals_are_of_possible_values(made: list[tuple[float, str]]) -> None:
    accounts = [Made("planted" if campaign else "benign", risk, campaign) for risk, campaign in made]
    for name, interval in intervals(Pool([world(accounts)]), 20).items():
        assert interval.low <= interval.high
        if "recall" in name or "precision" in name.replace("average_precision_ratio", ""):
            assert interval.low >= 0
            assert interval.high <= 1 + 1e-12
