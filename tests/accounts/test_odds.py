"""Bits, odds and probabilities are one another's inverses, and a weight never leaves its bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.accounts.odds import log2_odds, probability_of, weight_from_rates


@given(st.floats(0.0001, 0.9999))
def test_odds_and_probability_are_inverse(probability: float) -> None:
    assert probability_of(log2_odds(probability)) == pytest.approx(probability)


@given(st.floats(-1e6, 1e6))
def test_any_odds_give_a_probability(log_odds: float) -> None:
    assert 0.0 <= probability_of(log_odds) <= 1.0


@given(st.floats(0.01, 0.9), st.floats(0, 1), st.integers(0, 10**7), st.floats(0, 5))
def test_a_weight_is_never_negative_nor_over_its_cap(
    shown: float, innocent: float, population: int, cap: float
) -> None:
    assert 0.0 <= weight_from_rates(shown, innocent, population, cap) <= cap


def test_what_everybody_does_weighs_nothing() -> None:
    assert weight_from_rates(0.5, 1.0, 1000, 5.0) == 0.0


def test_what_nobody_was_seen_to_do_weighs_less_in_a_small_population() -> None:
    assert weight_from_rates(0.5, 0.0, 10, 20.0) < weight_from_rates(0.5, 0.0, 10_000, 20.0)
