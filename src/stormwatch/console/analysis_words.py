"""Turns an analysis into words: what a cell says, what changes without a part, what a caution means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from stormwatch.attribution.ach import Cell, Reading
from stormwatch.attribution.false_flag import Caution, FalseFlag
from stormwatch.attribution.naming import hypothesis_words
from stormwatch.attribution.removal import Part
from stormwatch.attribution.sensitivity import Change, Standing
from stormwatch.console.wording import weight, weight_step
from stormwatch.model.assessment import Hypothesis, HypothesisKind

# A matrix with a column for each of all tracked actors cannot be read; those left out are in the JSON.
_ACTORS_SHOWN: Final = 3
_NEUTRAL: Final = "neither"
_SIGNS: Final = {Reading.CONSISTENT: "+", Reading.INCONSISTENT: "-"}
PART_WORDS: Final[Mapping[Part, str]] = {
    Part.SOURCE: "the source",
    Part.GROUP: "all evidence of the group",
    Part.KIND: "all evidence of the kind",
    Part.PIECE: "the piece",
    Part.HABIT: "what is known of the",
}


def columns_shown(found: Sequence[Hypothesis]) -> tuple[str, ...]:
    """The hypotheses that a matrix shows: the residual ones and the foremost actors, in their order."""
    actors = [one.hypothesis for one in found if one.kind is HypothesisKind.TRACKED_ACTOR][:_ACTORS_SHOWN]
    return tuple(one.hypothesis for one in found if one.kind is HypothesisKind.RESIDUAL or one.hypothesis in actors)


def cell_words(cell: Cell) -> str:
    """Whether a line of evidence fits a hypothesis, and how strongly, in words."""
    if cell.reading is Reading.NEUTRAL:
        return _NEUTRAL
    how = "fits" if cell.reading is Reading.CONSISTENT else "contradicts"
    return f"{how}, {weight(abs(cell.bits))}"


def cell_signs(cell: Cell) -> str:
    """The same as one to four signs: `+` fits, `-` contradicts, `0` neither."""
    return _SIGNS[cell.reading] * weight_step(cell.bits) if cell.reading in _SIGNS else "0"


def change_words(change: Change) -> str:
    """What an assessment would be without one part, as a sentence."""
    part = f"{PART_WORDS[change.without.part]} {change.without.words}".rstrip(".")
    return f"Without {part}: {standing_words(change.standing)}."


def standing_words(standing: Standing) -> str:
    """What comes first and how likely it is, and how likely misuse of any kind is."""
    first = f"first comes {hypothesis_words(standing.first)} ({standing.likelihood})"
    return f"{first}; misuse of some kind is {standing.misuse}"


def caution_words(checked: FalseFlag) -> tuple[str, ...]:
    """What each caution of the false-flag check means for this assessment, one sentence each."""
    told = {
        Caution.FIRST_IS_CHEAP: (
            f"Caution: {hypothesis_words(checked.standing.first)} comes first only by what is cheap to fake; "
            f"without it, first comes {hypothesis_words(checked.without.first)}."
        ),
        Caution.ACTOR_IS_CHEAP: "Caution: what puts one tracked actor before the others is cheap to fake.",
    }
    return tuple(told[caution] for caution in checked.cautions)
