"""A ranking gives away no more than it tells apart, and its figures are those one gets by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.evaluate.ranking import Ranking, allowed

RANKINGS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=60)


def ranking(*accounts: tuple[float, bool]) -> Ranking:
    return Ranking(np.array([score for score, _ in accounts]), np.array([planted for _, planted in accounts]))


def ones(count: int) -> np.ndarray:
    return np.ones(count)


@pytest.mark.parametrize(
    ("innocents", "per", "expected"),
    [
        (29_310, 10_000, 3),
        (9_770, 10_000, 1),
        (4_999, 10_000, 0),
        (5_000, 10_000, 1),
        (9_770, 1_000, 10),
        (0, 1_000, 0),
    ],
)
def test_so_many_false_accusations_are_allowed(innocents: int, per: int, expected: int) -> None:
    assert allowed(innocents, per) == expected


def test_recall_counts_those_above_the_lowest_cutoff_that_is_allowed() -> None:
    # By hand, 10 innocents and 1 in 10 allowed: planted, planted, innocent, planted | innocent, planted, 8 innocents.
    accounts = [(0.9, True), (0.8, True), (0.7, False), (0.6, True), (0.5, False), (0.4, True), *[(0.1, False)] * 8]
    made = ranking(*accounts)
    assert made.recall(10, ones(len(accounts))) == pytest.approx(3 / 4)
    assert made.recall(1_000, ones(len(accounts))) == pytest.approx(2 / 4)
    assert made.recall(5, ones(len(accounts))) == 1.0


def test_a_cutoff_inside_a_tie_is_not_to_be_had() -> None:
    # Two planted and two innocents share a score: one innocent in ten is allowed, but both would come along.
    accounts = [(0.9, True), *[(0.5, True)] * 2, *[(0.5, False)] * 2, *[(0.1, False)] * 8]
    assert ranking(*accounts).recall(10, ones(len(accounts))) == pytest.approx(1 / 3)
    assert ranking(*accounts).recall(5, ones(len(accounts))) == 1.0


def test_recall_among_some_uses_the_same_cutoff() -> None:
    accounts = [(0.9, True), (0.8, False), (0.7, True), (0.1, False)]
    linkable = np.array([True, False, False, False])
    assert ranking(*accounts).recall(1_000, ones(4)) == pytest.approx(1 / 2)
    assert ranking(*accounts).recall(1_000, ones(4), linkable) == 1.0


def test_average_precision_by_hand() -> None:
    # planted (1/1), innocent, planted (2/3), innocent: half of the recall at each.
    assert ranking((4, True), (3, False), (2, True), (1, False)).average_precision(ones(4)) == pytest.approx(
        0.5 * 1 + 0.5 * 2 / 3
    )


def test_average_precision_takes_a_tie_as_one_step() -> None:
    assert ranking((1, True), (1, False), (1, True), (1, False)).average_precision(ones(4)) == pytest.approx(0.5)


def test_without_planted_accounts_there_is_no_figure() -> None:
    made = ranking((0.5, False), (0.1, False))
    assert made.average_precision(ones(2)) is None
    assert made.recall(10, ones(2)) is None
    assert Ranking(np.zeros(0), np.zeros(0, dtype=bool)).average_precision(np.zeros(0)) is None


def test_a_weight_of_two_is_two_accounts() -> None:
    twice = ranking((3, True), (2, False), (2, False), (1, True))
    once = ranking((3, True), (2, False), (1, True))
    weights = np.array([1.0, 2.0, 1.0])
    assert once.average_precision(weights) == pytest.approx(twice.average_precision(ones(4)))
    assert once.recall(2, weights) == twice.recall(2, ones(4))


@given(RANKINGS)
def test_the_more_false_accusations_are_allowed_the_more_is_found(accounts: list[tuple[int, bool]]) -> None:
    made = ranking(*accounts)
    recalls = [made.recall(per, ones(len(accounts))) for per in (10_000, 1_000, 100, 10, 5, 2, 1)]
    if any(planted for _, planted in accounts):
        assert recalls == sorted(recalls)
        assert recalls[-1] == 1.0
    else:
        assert set(recalls) == {None}


@given(RANKINGS)
def test_average_precision_lies_between_chance_and_one(accounts: list[tuple[int, bool]]) -> None:
    planted = sum(one for _, one in accounts)
    found = ranking(*accounts).average_precision(ones(len(accounts)))
    if not planted:
        assert found is None
        return
    perfect = [(float(one), one) for _, one in accounts]
    assert found is not None
    assert 0 < found <= 1 + 1e-12
    assert ranking(*perfect).average_precision(ones(len(accounts))) == pytest.approx(1.0)
    level = [(0.0, one) for _, one in accounts]
    assert ranking(*level).average_precision(ones(len(accounts))) == pytest.approx(planted / len(accounts))


@given(RANKINGS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(accounts: list[tuple[int, bool]], dice: object) -> None:
    mixed = list(accounts)
    dice.shuffle(mixed)  # type: ignore[attr-defined]
    count = ones(len(accounts))
    assert ranking(*mixed).recall(3, count) == ranking(*accounts).recall(3, count)
    assert ranking(*mixed).average_precision(count) == pytest.approx(ranking(*accounts).average_precision(count))


@given(RANKINGS)
def test_the_curve_ends_with_everybody(accounts: list[tuple[int, bool]]) -> None:
    points = ranking(*accounts).curve(ones(len(accounts)))
    planted = sum(one for _, one in accounts)
    assert (points[-1].hits, points[-1].false_accusations) == (planted, len(accounts) - planted)
    assert [point.score for point in points] == sorted({float(score) for score, _ in accounts}, reverse=True)
