"""Odds of the rival hypotheses: P(benign) as given, the rest shared out by base rates and what fits each profile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from stormwatch.attribution.base_rates import BaseRates, SpecificEvidence, WeakEvidence
from stormwatch.attribution.profiles import Profile
from stormwatch.model.assessment import (
    BENIGN,
    COMPROMISED_ACCOUNT,
    NON_STATE_ABUSE,
    UNKNOWN_ACTOR,
    Hypothesis,
    HypothesisKind,
)

_WORKING_HOURS = range(8, 19)
# `specific` in base_rates.yaml is set for so many tracked actors. A wrong tie hits one actor of many: the chance of its
# hitting this one falls as more are tracked, and so the weight of a tie rises by the same factor.
_ACTORS_OF_THE_RATES: Final = 5


@dataclass(frozen=True, slots=True)
class Habits:
    """What tells actors apart and never raises risk; shares are of events.

    `named` gives, by actor, how far each match that a source ties to it is believed to be an operator's (0 to 1);
    `meant`, by finding, how likely it is that its source means this subject, where many share the address.
    """

    named: Mapping[str, tuple[float, ...]]
    techniques: frozenset[str]
    topics: frozenset[str]
    scripts: Mapping[str, float]
    hours_utc: Mapping[int, float]
    meant: Mapping[str, float] = field(default_factory=dict)


def hypotheses(
    risk: float,
    habits: Habits,
    profiles: Sequence[Profile],
    rates: BaseRates,
    spoken: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Hypothesis, ...]:
    """All hypotheses, most probable first; probabilities add to 1 and those other than benign add to `risk`.

    `spoken` gives bits of evidence that speaks for one residual explanation alone. However many actors are tracked, and
    whatever fits them, they hold the same part of the odds until evidence specific to one of them raises that one.
    """
    base = rates.base_rates
    residual = {
        UNKNOWN_ACTOR: base.unknown_actor,
        NON_STATE_ABUSE: base.non_state_abuse,
        COMPROMISED_ACCOUNT: base.compromised_account,
    }
    residual = {name: odds * math.exp2(spoken.get(name, 0.0)) for name, odds in residual.items()}
    tracked = _tracked_odds(profiles, habits, rates)
    total = sum(residual.values()) + sum(tracked.values())
    found = [Hypothesis(BENIGN, HypothesisKind.RESIDUAL, 1.0 - risk)]
    found += [Hypothesis(name, HypothesisKind.RESIDUAL, risk * odds / total) for name, odds in residual.items()]
    found += [Hypothesis(name, HypothesisKind.TRACKED_ACTOR, risk * odds / total) for name, odds in tracked.items()]
    return tuple(sorted(found, key=lambda h: (-h.probability, h.hypothesis)))


def _tracked_odds(profiles: Sequence[Profile], habits: Habits, rates: BaseRates) -> Mapping[str, float]:
    """The odds of each tracked actor.

    Equal parts; what a source ties to an actor raises its part. Among the others weak evidence only shares out what
    they hold together, because what fits many actors speaks for none of them against an unknown one.
    """
    each = rates.base_rates.tracked_actors / max(len(profiles), 1)
    weak = {profile.actor_id: math.exp2(_weak_bits(profile, habits, rates.weak)) for profile in profiles}
    by_number = math.log2(len(profiles) / _ACTORS_OF_THE_RATES) if profiles else 0.0
    specific = {actor: _specific_bits(habits.named.get(actor, ()), rates.specific, by_number) for actor in weak}
    named = {actor for actor, bits in specific.items() if bits >= rates.specific.fewest_bits}
    others = [fit for actor, fit in weak.items() if actor not in named]
    average = sum(others) / max(len(others), 1)
    return {
        actor: each * (fit * math.exp2(specific[actor]) if actor in named else fit / average)
        for actor, fit in weak.items()
    }


def _specific_bits(beliefs: Sequence[float], settings: SpecificEvidence, by_number: float) -> float:
    """What ties to an actor weigh, diluted by how far it is believed that any of the matches is an operator's.

    Several that are hardly believed are no more than one that is: exits that many share stand on one list together.
    """
    any_genuine = 1.0 - math.prod(1.0 - belief for belief in beliefs)
    sure = min(settings.bits_per_indicator * max(sum(beliefs), 1.0), settings.cap_bits) + by_number
    return math.log2(1.0 + any_genuine * (math.exp2(sure) - 1.0))


def _weak_bits(profile: Profile, habits: Habits, weak: WeakEvidence) -> float:
    techniques = min(weak.technique_bits * len(profile.techniques & habits.techniques), weak.technique_cap_bits)
    topics = min(weak.topic_bits * len(profile.topics & habits.topics), weak.topic_cap_bits)
    scripts = weak.script_cap_bits * min(sum(habits.scripts.get(script, 0.0) for script in profile.scripts) * 2, 1.0)
    fits = (_hours_fit(offset, habits.hours_utc) for offset in profile.utc_offsets)
    hours = weak.hours_cap_bits * max(fits, default=0.0)
    return techniques + topics + scripts + hours


def _hours_fit(offset: float, hours_utc: Mapping[int, float]) -> float:
    """Share of events in working hours of a place, less what an even spread would give, scaled to 0..1."""
    inside = sum(share for hour, share in hours_utc.items() if math.floor(hour + offset) % 24 in _WORKING_HOURS)
    even = len(_WORKING_HOURS) / 24
    return max((inside - even) / (1 - even), 0.0)
