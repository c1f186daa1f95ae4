"""Figures of a transparency report: counts by category with the name of their derivation, and what commits to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import DAY, format_rfc3339, parse_rfc3339
from stormwatch.reports.plain_text import plain


@dataclass(frozen=True, slots=True)
class Period:
    """The time a report is about: from its first microsecond to just before `to_us`, UTC."""

    from_us: int
    to_us: int

    def __post_init__(self) -> None:
        if self.to_us <= self.from_us:
            raise InvalidInput("the period ends before it begins", remedy="give --to a later day than --from")

    @classmethod
    def parse(cls, first: str, last: str) -> Period:
        """A period from two days (the last one included) or RFC 3339 times (the end excluded)."""
        return cls(_edge(first, 0, "--from"), _edge(last, DAY, "--to"))

    def overlaps(self, other: Period) -> bool:
        """Whether the two have a moment in common."""
        return self.from_us < other.to_us and other.from_us < self.to_us

    @property
    def first(self) -> str:
        """Where it begins, RFC 3339."""
        return format_rfc3339(self.from_us)

    @property
    def end(self) -> str:
        """Where it ends (excluded), RFC 3339."""
        return format_rfc3339(self.to_us)


def _edge(text: str, whole_day_us: int, option: str) -> int:
    try:
        if len(text) == len("2024-02-14"):
            return parse_rfc3339(f"{text}T00:00:00Z") + whole_day_us
        return parse_rfc3339(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no day", where=option, remedy="write YYYY-MM-DD") from error


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One category and its count; a suppressed cell has no count."""

    label: str
    count: int | None
    suppressed: bool = False


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure counts: `derivation` names the query with its version, `definition` says it in words."""

    name: str
    title: str
    unit: str
    derivation: str
    definition: str


class Figure(Meaning, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts by category.

    The categories of a figure with a `total` exclude one another and add to it (null: suppressed); where one thing can
    fall into several categories, `overlapping` is set and there is no total. `guarded` counts obey the small-count
    rule.
    """

    cells: tuple[Cell, ...]
    total: int | None = None
    overlapping: bool = False
    guarded: bool = True

    @property
    def is_suppressed(self) -> bool:
        """Whether anything of it is withheld."""
        return any(cell.suppressed for cell in self.cells)


def partition(meaning: Meaning, counts: Mapping[str, int]) -> Figure:
    """A figure whose categories exclude one another."""
    return Figure(**msgspec.structs.asdict(meaning), cells=_cells(counts), total=sum(counts.values()))


def overlapping(meaning: Meaning, counts: Mapping[str, int], *, guarded: bool = True) -> Figure:
    """A figure whose categories may share members, so that it has no total."""
    return Figure(**msgspec.structs.asdict(meaning), cells=_cells(counts), overlapping=True, guarded=guarded)


def _cells(counts: Mapping[str, int]) -> tuple[Cell, ...]:
    return tuple(Cell(plain(label), count) for label, count in counts.items())


def tally(categories: Sequence[str], observed: Sequence[str]) -> dict[str, int]:
    """Counts of what was observed: every known category, also at zero, then unknown ones in alphabetical order."""
    counts = dict.fromkeys((*categories, *sorted(set(observed) - set(categories))), 0)
    for category in observed:
        counts[category] += 1
    return counts


def commitment(figure: Figure, period: Period) -> str:
    """SHA-256 over the figure as published and the period it is about, in canonical JSON."""
    content = {"figure": msgspec.to_builtins(figure), "from": period.first, "to": period.end}
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()
