"""Who is said to be behind a campaign, how soon it was flagged, and how far probabilities hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.hypotheses import Habits, hypotheses
from stormwatch.attribution.profiles import load_profiles
from stormwatch.config import shipped
from stormwatch.evaluate.answers import LEAST_PROBABILITY, answer_of, rates_without_evidence
from stormwatch.evaluate.delay import NEVER, events_until_flagged, weighted_median
from stormwatch.evaluate.outcome import Subject
from stormwatch.evaluate.reliability import hypothesis_statements, reliability, risk_statements
from stormwatch.evaluate.worlds import TrueCampaign
from world_scoring import Made, world

RATES = {"unknown-actor": 0.5, "non-state-abuse": 0.25, "compromised-account": 0.05, "a-typhoon": 0.1, "b-sleet": 0.1}


def subject(*odds: tuple[str, float]) -> Subject:
    return Subject("s", ("a0",), odds)


def campaign(actor: str, *also: str, imitated: str | None = None) -> TrueCampaign:
    return TrueCampaign("c", "made", actor, ("a0", "a1"), also, imitated is not None, imitated)


def test_an_answer_by_hand() -> None:
    right = subject(("a-typhoon", 0.4), ("unknown-actor", 0.3), ("benign", 0.2), ("b-sleet", 0.1))
    wrong = subject(("unknown-actor", 0.6), ("benign", 0.2), ("a-typhoon", 0.1), ("b-sleet", 0.1))
    found = answer_of(campaign("a-typhoon", imitated="b-sleet"), [right, wrong], RATES)
    assert found is not None
    assert (found.accounts, found.right_first, found.unknown_first) == (2, 0.5, 0.5)
    # Without the innocent fifth: 0.4 of 0.8 and 0.1 of 0.8.
    assert found.log_score == pytest.approx((math.log2(0.5) + math.log2(0.125)) / 2)
    assert found.base_rate_log_score == pytest.approx(math.log2(0.1))
    assert found.imitated == pytest.approx(0.1)


def test_what_is_also_accepted_is_right() -> None:
    told = subject(("scopecreep", 0.5), ("unknown-actor", 0.25), ("benign", 0.25))
    found = answer_of(campaign("unknown-actor", "scopecreep"), [told], RATES)
    assert found is not None
    assert (found.right_first, found.unknown_first, found.log_score) == (1.0, 0.0, pytest.approx(0.0))


def test_a_campaign_that_nobody_reached_has_no_answer() -> None:
    assert answer_of(campaign("a-typhoon"), [], RATES) is None


def test_a_right_answer_held_impossible_costs_a_bounded_amount() -> None:
    found = answer_of(campaign("c-storm"), [subject(("unknown-actor", 0.9), ("benign", 0.1))], RATES)
    assert found is not None
    assert found.log_score == found.base_rate_log_score == math.log2(LEAST_PROBABILITY)


def test_rates_without_evidence_are_those_of_the_product() -> None:
    profiles = load_profiles([shipped("profiles")])
    shipped_rates = load_base_rates(len(profiles))
    nothing = Habits(named={}, techniques=frozenset(), topics=frozenset(), scripts={}, hours_utc={})
    said = {one.hypothesis: one.probability for one in hypotheses(1.0, nothing, profiles, shipped_rates)}
    del said["benign"]
    assert rates_without_evidence(shipped_rates, [one.actor_id for one in profiles]) == pytest.approx(said)


@pytest.mark.parametrize(("flagged", "expected"), [(None, NEVER), (5, 0), (10, 0), (11, 1), (20, 2), (99, 3)])
def test_events_until_flagged(flagged: int | None, expected: float) -> None:
    assert events_until_flagged(10, flagged, [1, 10, 11, 20, 30]) == expected


def test_the_median_of_campaigns() -> None:
    assert weighted_median([5, NEVER, 1], [1, 1, 1]) == 5
    assert weighted_median([5, NEVER, NEVER], [1, 1, 1]) == NEVER
    assert weighted_median([5, NEVER, NEVER], [4, 1, 1]) == 5
    assert weighted_median([], []) is None
    assert weighted_median([5], [0]) is None


def test_reliability_by_hand() -> None:
    found = reliability([(0.05, False), (0.05, False), (0.95, True), (0.85, False)])
    assert found.brier == pytest.approx((2 * 0.05**2 + 0.05**2 + 0.85**2) / 4)
    assert [(one.statements, one.mean_probability, one.share_true) for one in found.bins] == [
        (2, pytest.approx(0.05), 0.0),
        (1, pytest.approx(0.85), 0.0),
        (1, pytest.approx(0.95), 1.0),
    ]
    assert found.calibration_error == pytest.approx((2 * 0.05 + 0.85 + 0.05) / 4)


def test_nothing_said_is_nothing_to_rely_on() -> None:
    assert reliability([]).brier is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_every_statement_is_in_one_bin(statements: list[tuple[float, bool]]) -> None:
    found = reliability(statements)
    assert sum(one.statements for one in found.bins) == len(statements)
    assert all(one.low - 1e-9 <= one.mean_probability <= one.high + 1e-9 for one in found.bins)


def test_what_is_true_of_each_class() -> None:
    odds = (("unknown-actor", 0.4), ("benign", 0.3), ("compromised-account", 0.2), ("non-state-abuse", 0.1))
    told = subject(*odds)
    made = world(
        [
            Made("planted", 0.7, "c", subject=told),
            Made("benign", 0.6, subject=told),
            Made("confounder", 0.5, kind="stolen-key-owner", subject=told),
            Made("non-state-abuse", 0.4, kind="fraud-ring", actor="non-state-abuse", subject=told),
            Made("benign", 0.1),
        ]
    )
    assert list(risk_statements([made])) == [(0.7, True), (0.6, False), (0.5, True), (0.4, True), (0.1, False)]
    true = [number for number, (_, outcome) in enumerate(hypothesis_statements([made])) if outcome]
    assert true == [0, 5, 10, 15]
