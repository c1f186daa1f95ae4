"""Turns counts by day into bars in plain numbers: a drawing of the last days, each one wide enough to be pointed at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 120
MOST_DAYS: Final = 60
_FEWEST_DAYS: Final = 14
_GAP: Final = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: where its bar stands, how high it is, and how many it counts."""

    day: int
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class DayChart:
    """Bars of the days from `first` to `last` (days since the epoch), and the highest count."""

    bars: tuple[Bar, ...]
    first: int
    last: int
    most: int


def day_chart(counts: Mapping[int, int]) -> DayChart | None:
    """The chart of some days, without those more than 60 before the last; None where nothing was counted."""
    if not counts:
        return None
    last = max(counts)
    first = max(min(counts), last - MOST_DAYS + 1)
    first = min(first, last - _FEWEST_DAYS + 1)
    most = max(count for day, count in counts.items() if day >= first)
    step = WIDTH / (last - first + 1)
    bars = (
        Bar(
            day=day,
            count=count,
            x=round((day - first) * step + _GAP / 2, 1),
            y=round(HEIGHT - _height(count, most), 1),
            width=round(step - _GAP, 1),
            height=_height(count, most),
        )
        for day, count in sorted(counts.items())
        if day >= first
    )
    return DayChart(tuple(bars), first, last, most)


def _height(count: int, most: int) -> float:
    # A day with a single hit must not look like a day without any.
    return round(max(3.0, HEIGHT * count / most), 1)
