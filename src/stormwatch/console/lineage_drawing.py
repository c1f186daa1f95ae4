"""Turns versions of a program into a drawing: a lane for each account, versions from left to right in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.console.plain_text import shortened

MOST_VERSIONS: Final = 60
MOST_LANES: Final = 24
_LABELS: Final = 190
_STEP: Final = 44
_LANE: Final = 46
_EDGE: Final = 30
_LABEL_LENGTH: Final = 22


@dataclass(frozen=True, slots=True)
class Lane:
    """An account and the height at which its versions stand."""

    account_id: str
    label: str
    y: int


@dataclass(frozen=True, slots=True)
class Dot:
    """A version: its number and place."""

    number: int
    account_id: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The way from a version to one that grew from it; `over` says that it went over to another account."""

    path: str
    over: bool


@dataclass(frozen=True, slots=True)
class LineageDrawing:
    """What the SVG template draws, in its own units."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    dots: tuple[Dot, ...]
    growths: tuple[Growth, ...]


def draw_lineage(accounts: Sequence[str], versions: Sequence[tuple[str, int | None]]) -> LineageDrawing | None:
    """A drawing of (account, number of the version before) in order, numbered from 1; None where it is too large."""
    if len(versions) > MOST_VERSIONS or len(accounts) > MOST_LANES:
        return None
    lanes = tuple(
        Lane(account, shortened(account, _LABEL_LENGTH), _EDGE + place * _LANE)
        for place, account in enumerate(accounts)
    )
    heights = {lane.account_id: lane.y for lane in lanes}
    dots = tuple(
        Dot(number, account, _LABELS + _EDGE + (number - 1) * _STEP, heights[account])
        for number, (account, _) in enumerate(versions, 1)
    )
    growths = tuple(
        _growth(dots[parent - 1], dot) for dot, (_, parent) in zip(dots, versions, strict=True) if parent is not None
    )
    width = max(_LABELS + 2 * _EDGE + (len(versions) - 1) * _STEP, 480)
    return LineageDrawing(width, 2 * _EDGE + (len(lanes) - 1) * _LANE, lanes, dots, growths)


def _growth(before: Dot, after: Dot) -> Growth:
    if before.y == after.y:
        # Versions between the two stand on the same line: the way goes round them.
        lift = 0 if after.number == before.number + 1 else 18
        middle = (before.x + after.x) // 2
        path = f"M{before.x} {before.y} Q{middle} {before.y - 2 * lift} {after.x} {after.y}"
    else:
        half = (before.x + after.x) // 2
        path = f"M{before.x} {before.y} C{half} {before.y} {half} {after.y} {after.x} {after.y}"
    return Growth(path, before.account_id != after.account_id)
