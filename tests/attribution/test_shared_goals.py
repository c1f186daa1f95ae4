"""Shared goals weigh by what the population does, take several accounts, and are bounded."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.shared_goals import Goal, GoalScorer
from stormwatch.attribution.traits import Trait, TraitFamily

SETTINGS = load_base_rates(5).cluster.shared_goals
PHISHING = Trait(TraitFamily.TECHNIQUE, "LLM-04")
RADAR = Trait(TraitFamily.TOPIC, "radar-imaging")
LOCKSTEP = Trait(TraitFamily.CONDUCT, "machine-tempo")


def goals(
    showing: list[str], members: list[str], *, others_showing: int = 0, population: int = 1000, requests: int = 10
) -> list[Goal]:
    everybody = dict.fromkeys([*members, *(f"other-{n}" for n in range(population - len(members)))], requests)
    traits = {account: {PHISHING: 5 + at} for at, account in enumerate(showing)}
    traits |= {f"other-{n}": {PHISHING: 1} for n in range(others_showing)}
    return list(GoalScorer(traits, everybody, SETTINGS).goals(members))


def test_a_goal_that_two_accounts_share_and_hardly_anyone_else_has_speaks_for_one_operator() -> None:
    (goal,) = goals(["a", "b"], ["a", "b", "c"], others_showing=8)
    assert goal.bits > 2
    assert (goal.accounts, goal.trait, goal.event_time_us) == (2, PHISHING, 6)
    assert goal.expected == pytest.approx(3 * 10.5 / 1000, rel=0.02)


def test_one_account_alone_shares_nothing_with_itself() -> None:
    assert goals(["a"], ["a", "b"]) == []


def test_what_everybody_here_does_says_nothing() -> None:
    assert sum(goal.bits for goal in goals(["a", "b"], ["a", "b"], others_showing=900)) < 0.05


def test_of_accounts_that_send_much_it_says_less() -> None:
    busy = {"a": 500, "b": 500} | {f"other-{n}": 10 for n in range(998)}
    traits = {"a": {PHISHING: 1}, "b": {PHISHING: 1}} | {f"other-{n}": {PHISHING: 1} for n in range(20)}
    (loud,) = GoalScorer(traits, busy, SETTINGS).goals(["a", "b"])
    (quiet,) = goals(["a", "b"], ["a", "b"], others_showing=20)
    assert loud.bits < quiet.bits / 3


def test_conduct_is_no_goal() -> None:
    traits = {account: {LOCKSTEP: 1} for account in "ab"}
    assert GoalScorer(traits, dict.fromkeys("abcdef", 5), SETTINGS).goals(["a", "b"]) == []


@given(
    members=st.integers(2, 12), showing=st.integers(0, 12), others=st.integers(0, 200), requests=st.integers(1, 10_000)
)
def test_bits_are_bounded_and_grow_with_the_accounts_that_show_it(
    members: int, showing: int, others: int, requests: int
) -> None:
    accounts = [f"m{n:02d}" for n in range(members)]

    def bits(count: int) -> float:
        found = goals(accounts[:count], accounts, others_showing=others, requests=requests)
        return found[0].bits if found else 0.0

    few, more = bits(min(showing, members)), bits(min(showing + 1, members))
    assert 0.0 <= few <= SETTINGS.trait_cap_bits
    assert math.isfinite(more)
    # One account more also raises the measured rate a little, so "no less" holds to a hundredth of a bit.
    assert more >= few - 0.01 or others < 5


def test_several_goals_come_strongest_first() -> None:
    everybody = dict.fromkeys([*"abc", *(f"other-{n}" for n in range(997))], 10)
    traits = {"a": {PHISHING: 1, RADAR: 2}, "b": {PHISHING: 3, RADAR: 4}}
    traits |= {f"other-{n}": {PHISHING: 1} for n in range(15)}
    found = GoalScorer(traits, everybody, SETTINGS).goals(list("abc"))
    assert [goal.trait for goal in found] == [RADAR, PHISHING]
