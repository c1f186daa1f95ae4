"""Odds add to one, weak evidence names nobody, and habits never touch the risk."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.attribution.base_rates import check, load_base_rates
from stormwatch.attribution.hypotheses import Habits, hypotheses
from stormwatch.attribution.profiles import load_profiles
from stormwatch.config import shipped
from stormwatch.model.assessment import RESIDUAL_HYPOTHESES, Hypothesis
from stormwatch.model.errors import InvalidInput

PROFILES = load_profiles([shipped("profiles")])
RATES = load_base_rates(len(PROFILES))
TOPICS = sorted({topic for profile in PROFILES for topic in profile.topics})
TECHNIQUES = sorted({technique for profile in PROFILES for technique in profile.techniques})

BARE = Habits({}, frozenset(), frozenset(), {}, {12: 1.0})
SHARES = st.floats(0, 1)
HABITS = st.builds(
    Habits,
    named=st.just({}),
    techniques=st.frozensets(st.sampled_from(TECHNIQUES)),
    topics=st.frozensets(st.sampled_from(TOPICS)),
    scripts=st.dictionaries(st.sampled_from(["Latn", "Hans", "Arab", "Cyrl", "Hang"]), SHARES),
    hours_utc=st.integers(0, 23).map(lambda hour: {hour: 1.0}),
)


def with_named(habits: Habits, believed: float = 0.8, **named: int) -> Habits:
    ties = {actor.replace("_", "-"): (believed,) * count for actor, count in named.items()}
    return Habits(ties, habits.techniques, habits.topics, habits.scripts, habits.hours_utc)


@given(st.floats(0, 1), HABITS)
def test_probabilities_add_to_one_and_all_but_benign_to_the_risk(risk: float, habits: Habits) -> None:
    found = hypotheses(risk, habits, PROFILES, RATES)
    assert math.isclose(sum(h.probability for h in found), 1.0)
    assert math.isclose(sum(h.probability for h in found if h.hypothesis != "benign"), risk, abs_tol=1e-12)
    assert {*RESIDUAL_HYPOTHESES, *(profile.actor_id for profile in PROFILES)} == {h.hypothesis for h in found}


@given(st.floats(0, 1), HABITS)
def test_without_evidence_specific_to_an_actor_nobody_is_named(risk: float, habits: Habits) -> None:
    assert hypotheses(risk, habits, PROFILES, RATES)[0].hypothesis in {"unknown-actor", "benign"}


def test_an_indicator_that_a_source_ties_to_an_actor_puts_it_first() -> None:
    assert hypotheses(0.9, with_named(BARE, salmon_typhoon=1), PROFILES, RATES)[0].hypothesis == "salmon-typhoon"


@given(HABITS, st.sampled_from(["salmon-typhoon", "forest-blizzard"]), st.integers(1, 4))
def test_matches_that_are_hardly_believed_name_nobody(habits: Habits, actor: str, count: int) -> None:
    ties = Habits({actor: (0.003,) * count}, habits.techniques, habits.topics, habits.scripts, habits.hours_utc)
    assert hypotheses(0.9, ties, PROFILES, RATES)[0].hypothesis == "unknown-actor"


def test_the_five_groups_and_later_actors_are_tracked() -> None:
    assert {p.actor_id for p in PROFILES} >= {
        "charcoal-typhoon", "salmon-typhoon", "crimson-sandstorm", "emerald-sleet", "forest-blizzard",
        "sweetspecter", "cyberav3ngers", "storm-0817", "scopecreep", "gtg-1002", "jasper-sleet",
    }  # fmt: skip


def test_rates_under_which_weak_evidence_could_name_an_actor_are_refused() -> None:
    with pytest.raises(InvalidInput, match="would name an actor by itself"):
        check(RATES, tracked_actors=1, where="here")


TRACKED = [profile.actor_id for profile in PROFILES]
NAMED = st.sampled_from(TRACKED)


def odds(found: tuple[Hypothesis, ...]) -> dict[str, float]:
    return {one.hypothesis: one.probability for one in found}


@given(st.floats(0.01, 1), HABITS, st.sets(NAMED, min_size=1))
def test_tracking_more_actors_takes_nothing_from_the_unknown_one(risk: float, habits: Habits, kept: set[str]) -> None:
    some = [profile for profile in PROFILES if profile.actor_id in kept]
    few, many = (odds(hypotheses(risk, habits, profiles, RATES)) for profiles in (some, PROFILES))
    for residual in RESIDUAL_HYPOTHESES:
        assert few[residual] == pytest.approx(many[residual])
    assert sum(many[actor] for actor in TRACKED) == pytest.approx(risk * RATES.base_rates.tracked_actors)


@given(HABITS, NAMED)
def test_whom_a_source_names_is_first_whatever_the_habits_and_however_many_are_tracked(
    habits: Habits, actor: str
) -> None:
    for profiles in (PROFILES, [profile for profile in PROFILES if profile.actor_id == actor]):
        found = hypotheses(0.9, with_named(habits, **{actor: 1}), profiles, RATES)
        assert found[0].hypothesis == actor
    few, many = (
        odds(hypotheses(0.9, with_named(BARE, **{actor: 1}), profiles, RATES)) for profiles in (PROFILES[:5], PROFILES)
    )
    if actor in few:
        assert few[actor] == pytest.approx(many[actor], rel=0.1)


def test_an_actor_of_unknown_hours_gains_nothing_by_any_hours() -> None:
    scopecreep = next(profile for profile in PROFILES if profile.actor_id == "scopecreep")
    others = [profile for profile in PROFILES if profile.actor_id == "cyberav3ngers"]
    for hour in range(24):
        habits = Habits({}, frozenset(), frozenset(), {}, {hour: 1.0})
        found = odds(hypotheses(0.5, habits, [scopecreep, *others], RATES))
        assert found["scopecreep"] <= found["cyberav3ngers"]
