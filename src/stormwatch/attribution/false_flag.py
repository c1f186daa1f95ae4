"""Grounds to what would be left of an assessment if whatever is cheap to fake had been set on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

import msgspec
import yaml

from stormwatch.attribution.base_rates import BaseRates
from stormwatch.attribution.grounds import Grounds, ranked
from stormwatch.attribution.profiles import Profile
from stormwatch.attribution.removal import HABIT_WORDS, Part, Removal, removals, without
from stormwatch.attribution.sensitivity import Standing, standing_of
from stormwatch.model.assessment import HypothesisKind
from stormwatch.model.errors import InvalidInput


class CheapToFake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Habits and kinds of evidence that cost next to nothing to plant, each with how."""

    habits: Mapping[str, str]
    kinds: Mapping[str, str]


class Caution(StrEnum):
    """Why an assessment may be what somebody wants it to be."""

    FIRST_IS_CHEAP = "first-hypothesis-rests-on-cheap-evidence"
    ACTOR_IS_CHEAP = "choice-of-actor-rests-on-cheap-evidence"


@dataclass(frozen=True, slots=True)
class Planted:
    """One thing that may have been planted, and how."""

    what: Removal
    how: str


@dataclass(frozen=True, slots=True)
class FalseFlag:
    """The standing as assessed, and without everything in it that is cheap to fake."""

    planted: tuple[Planted, ...]
    standing: Standing
    without: Standing
    cautions: tuple[Caution, ...]


def load_cheap_to_fake() -> CheapToFake:
    """The list shipped beside this module; InvalidInput when it names a habit that there is not."""
    file = resources.files("stormwatch.attribution").joinpath("cheap_to_fake.yaml")
    try:
        found = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), CheapToFake)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(f"what is cheap to fake cannot be read: {error}", where=str(file)) from error
    unknown = sorted(found.habits.keys() - HABIT_WORDS.keys())
    if unknown:
        raise InvalidInput(f"there is no habit {unknown[0]}", where=str(file), remedy=f"one of {sorted(HABIT_WORDS)}")
    return found


def false_flag(grounds: Grounds, profiles: Sequence[Profile], rates: BaseRates, cheap: CheapToFake) -> FalseFlag:
    """What the assessment would be if everything cheap to fake in it had been set on purpose."""
    planted = tuple(_planted(grounds, cheap))
    whole = standing_of(ranked(grounds, profiles, rates))
    left = standing_of(ranked(without(grounds, [one.what for one in planted]), profiles, rates))
    return FalseFlag(planted, whole, left, tuple(_warnings(whole, left)))


def _planted(grounds: Grounds, cheap: CheapToFake) -> Iterator[Planted]:
    for one in removals(grounds, (Part.HABIT, Part.KIND)):
        how = (cheap.habits if one.part is Part.HABIT else cheap.kinds).get(one.name)
        if how is not None:
            yield Planted(one, how)


def _warnings(whole: Standing, left: Standing) -> Iterator[Caution]:
    if whole.first != left.first:
        yield Caution.FIRST_IS_CHEAP
    if _foremost_actor(whole) != _foremost_actor(left):
        yield Caution.ACTOR_IS_CHEAP


def _foremost_actor(standing: Standing) -> str | None:
    """The tracked actor before the others, None where the foremost are level."""
    actors = [one for one in standing.probabilities if one.kind is HypothesisKind.TRACKED_ACTOR]
    if len(actors) > 1 and actors[0].probability - actors[1].probability <= 1e-9 * actors[0].probability:
        return None
    return actors[0].hypothesis if actors else None
