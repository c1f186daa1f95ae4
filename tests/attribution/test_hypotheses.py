"""Odds add to one, weak evidence names nobody, and habits never touch the risk."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.attribution.base_rates import check, load_base_rates
from stormwatch.attribution.hypotheses import Habits, hypotheses
from stormwatch.attribution.profiles import load_profiles
from stormwatch.config import shipped
from stormwatch.model.assessment import RESIDUAL_HYPOTHESES
from stormwatch.model.errors import InvalidInput

PROFILES = load_profiles([shipped("profiles")])
RATES = load_base_rates(len(PROFILES))
TOPICS = sorted({topic for profile in PROFILES for topic in profile.topics})
TECHNIQUES = sorted({technique for profile in PROFILES for technique in profile.techniques})

SHARES = st.floats(0, 1)
HABITS = st.builds(
    Habits,
    named=st.just({}),
    techniques=st.frozensets(st.sampled_from(TECHNIQUES)),
    topics=st.frozensets(st.sampled_from(TOPICS)),
    scripts=st.dictionaries(st.sampled_from(["Latn", "Hans", "Arab", "Cyrl", "Hang"]), SHARES),
    hours_utc=st.integers(0, 23).map(lambda hour: {hour: 1.0}),
)


def with_named(habits: Habits, **named: int) -> Habits:
    counts = {actor.replace("_", "-"): count for actor, count in named.items()}
    return Habits(counts, habits.techniques, habits.topics, habits.scripts, habits.hours_utc)


@given(st.floats(0, 1), HABITS)
def test_probabilities_add_to_one_and_all_but_benign_to_the_risk(risk: float, habits: Habits) -> None:
    found = hypotheses(risk, habits, PROFILES, RATES)
    assert math.isclose(sum(h.probability for h in found), 1.0)
    assert math.isclose(sum(h.probability for h in found if h.hypothesis != "benign"), risk, abs_tol=1e-12)
    assert {*RESIDUAL_HYPOTHESES, *(profile.actor_id for profile in PROFILES)} == {h.hypothesis for h in found}


@given(st.floats(0, 1), HABITS)
def test_without_evidence_specific_to_an_actor_nobody_is_named(risk: float, habits: Habits) -> None:
    assert hypotheses(risk, habits, PROFILES, RATES)[0].hypothesis in {"unknown-actor", "benign"}


@given(HABITS)
def test_an_indicator_that_a_source_ties_to_an_actor_puts_it_first(habits: Habits) -> None:
    bare = Habits({}, frozenset(), frozenset(), {}, {12: 1.0})
    assert hypotheses(0.9, with_named(bare, salmon_typhoon=1), PROFILES, RATES)[0].hypothesis == "salmon-typhoon"


def test_five_groups_are_tracked_and_every_fact_has_a_source() -> None:
    assert {p.actor_id for p in PROFILES} >= {
        "charcoal-typhoon", "salmon-typhoon", "crimson-sandstorm", "emerald-sleet", "forest-blizzard",
    }  # fmt: skip
    assert all(profile.sources for profile in PROFILES)


def test_rates_under_which_weak_evidence_could_name_an_actor_are_refused() -> None:
    with pytest.raises(InvalidInput, match="would name an actor by itself"):
        check(RATES, tracked_actors=1, where="here")
