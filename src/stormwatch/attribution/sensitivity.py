"""Grounds to how much an assessment hangs on each part of them: what is first, and how likely, without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.attribution.base_rates import BaseRates
from stormwatch.attribution.grounds import Grounds, ranked
from stormwatch.attribution.hypotheses import Habits
from stormwatch.attribution.profiles import Profile
from stormwatch.attribution.removal import HABIT_WORDS, Part, Removal, removals, without
from stormwatch.model.assessment import BENIGN, Hypothesis
from stormwatch.model.icd_203 import likelihood_words

_SMALLEST_FIRST: Final = (Part.PIECE, Part.KIND, Part.GROUP, Part.SOURCE, Part.HABIT)


@dataclass(frozen=True, slots=True)
class Standing:
    """What comes first on some grounds and how likely it is, and how likely any misuse is, in words of ICD 203."""

    first: str
    likelihood: str
    misuse: str
    probabilities: tuple[Hypothesis, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """The standing without one part, beside that with it.

    `also` are parts that come to the same here: a kind of which there is one piece, a group of which there is one kind.
    `changes_first`: another hypothesis comes first. `changes_words`: the first is the same and its likelihood, or that
    of misuse, is told in other words. `changes_order`: hypotheses of a chance worth telling change places.
    """

    without: Removal
    also: tuple[Removal, ...]
    standing: Standing
    changes_first: bool
    changes_words: bool
    changes_order: bool


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The standing with everything, and without each part in turn."""

    standing: Standing
    changes: tuple[Change, ...]

    @property
    def decisive(self) -> tuple[Change, ...]:
        """Single pieces without which another hypothesis would come first: the assessment rests on each of them."""
        return tuple(one for one in self.changes if one.without.part is Part.PIECE and one.changes_first)

    @property
    def telling(self) -> tuple[Change, ...]:
        """Changes that a reader would see."""
        return tuple(one for one in self.changes if one.changes_first or one.changes_words or one.changes_order)


def sensitivity(grounds: Grounds, profiles: Sequence[Profile], rates: BaseRates) -> Sensitivity:
    """How the assessment changes without each source, kind, group, piece and habit that counts in it.

    Figures that were measured over the population (how rare a thing is here) stay as they are: a part is taken out of
    this subject's grounds, not out of the world.
    """
    whole = standing_of(ranked(grounds, profiles, rates))
    alike: dict[tuple[object, ...], list[Removal]] = {}
    for part in sorted(removals(grounds), key=lambda one: _SMALLEST_FIRST.index(one.part)):
        left = without(grounds, (part,))
        alike.setdefault((left.evidence, *_what_is_left(left.habits)), []).append(part)
    changes = [_change(grounds, parts, whole, profiles, rates) for parts in alike.values()]
    return Sensitivity(whole, tuple(sorted(changes, key=lambda one: (not one.changes_first, one.without.part))))


def _what_is_left(habits: Habits) -> tuple[bool, ...]:
    return tuple(bool(getattr(habits, name)) for name in HABIT_WORDS)


def standing_of(found: tuple[Hypothesis, ...]) -> Standing:
    """Hypotheses, most probable first, as a standing."""
    benign = next(one.probability for one in found if one.hypothesis == BENIGN)
    return Standing(found[0].hypothesis, likelihood_words(found[0].probability), likelihood_words(1.0 - benign), found)


def _change(
    grounds: Grounds, parts: Sequence[Removal], whole: Standing, profiles: Sequence[Profile], rates: BaseRates
) -> Change:
    left = standing_of(ranked(without(grounds, parts[:1]), profiles, rates))
    same_first = left.first == whole.first
    return Change(
        without=parts[0],
        also=tuple(parts[1:]),
        standing=left,
        changes_first=not same_first,
        changes_words=same_first and (left.likelihood, left.misuse) != (whole.likelihood, whole.misuse),
        changes_order=_order(left) != _order(whole),
    )


def _order(standing: Standing) -> tuple[str, ...]:
    """Hypotheses in their order, those left out that have almost no chance."""
    least = likelihood_words(0.0)
    return tuple(one.hypothesis for one in standing.probabilities if likelihood_words(one.probability) != least)
