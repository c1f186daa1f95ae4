"""Grounds without a part of them: a source, a kind of evidence, an independence group, a single piece, a habit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from stormwatch.attribution.cluster_evidence import leading_pieces
from stormwatch.attribution.grounds import Grounds
from stormwatch.attribution.habits import named_actors
from stormwatch.attribution.hypotheses import Habits
from stormwatch.model.evidence import Evidence

# What habits are called, and what they are when nothing of them is known. `named` and `meant` are none of
# them: they follow from the evidence.
HABIT_WORDS: Final[Mapping[str, str]] = {
    "techniques": "techniques that fit a profile",
    "topics": "topics that fit a profile",
    "scripts": "writing systems",
    "hours_utc": "hours of activity",
}
_NOTHING: Final[Mapping[str, Any]] = {
    "techniques": frozenset(),
    "topics": frozenset(),
    "scripts": {},
    "hours_utc": {},
}


class Part(StrEnum):
    """The kinds of parts that grounds can do without."""

    SOURCE = "source"
    GROUP = "group"
    KIND = "kind"
    PIECE = "piece"
    HABIT = "habit"


@dataclass(frozen=True, slots=True)
class Removal:
    """One part of the grounds, by its name within its kind of part, and in words."""

    part: Part
    name: str
    words: str


def removals(grounds: Grounds, parts: Collection[Part] = tuple(Part)) -> Iterator[Removal]:
    """Every part of these grounds that an assessment could do without, of the kinds asked for.

    Of pieces only those that count: the strongest of each group, and what names an actor. The same finding on several
    accounts is one piece.
    """
    found = [*_of_evidence(grounds.evidence), *_of_habits(grounds.habits)]
    yield from (one for one in dict.fromkeys(found) if one.part in parts)


def without(grounds: Grounds, removed: Collection[Removal]) -> Grounds:
    """These grounds without the parts; whom the evidence names is found afresh from what is left of it."""
    gone = {part: {one.name for one in removed if one.part is part} for part in Part}
    left = tuple(piece for piece in grounds.evidence if not _touches(piece, gone))
    emptied = {name: _NOTHING[name] for name in gone[Part.HABIT]}
    habits = replace(grounds.habits, named=named_actors(left, grounds.prior, grounds.habits.meant), **emptied)
    return replace(grounds, evidence=left, habits=habits)


def piece_name(piece: Evidence) -> str:
    """What makes two pieces the same finding."""
    return f"{piece.kind}: {piece.summary}"


_NAMES: Final[Mapping[Part, Callable[[Evidence], Sequence[str]]]] = {
    Part.SOURCE: lambda piece: piece.sources,
    Part.GROUP: lambda piece: (piece.group,),
    Part.KIND: lambda piece: (piece.kind,),
    Part.PIECE: lambda piece: (piece_name(piece),),
}


def _touches(piece: Evidence, gone: Mapping[Part, set[str]]) -> bool:
    """Whether a piece goes: because of any of its names, and of a source only when no other source says the same."""
    told_elsewhere = bool(set(piece.sources) - gone[Part.SOURCE])
    return any(
        gone[part].intersection(names_of(piece)) and not (part is Part.SOURCE and told_elsewhere)
        for part, names_of in _NAMES.items()
    )


def _of_evidence(evidence: Sequence[Evidence]) -> Iterator[Removal]:
    counting = [piece for piece in evidence if piece.weight_bits > 0]
    for part, names_of in _NAMES.items():
        chosen = _pieces_that_count(counting) if part is Part.PIECE else counting
        names = sorted({name for piece in chosen for name in names_of(piece)})
        yield from (Removal(part, name, name) for name in names)


def _pieces_that_count(evidence: Sequence[Evidence]) -> list[Evidence]:
    return [*leading_pieces(evidence), *(piece for piece in evidence if len(piece.actors) == 1)]


def _of_habits(habits: Habits) -> Iterator[Removal]:
    yield from (Removal(Part.HABIT, name, words) for name, words in HABIT_WORDS.items() if getattr(habits, name))
