"""When people work: days and hours of sessions in their own time zone, and the pauses between requests."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from stormwatch.model.times import DAY, HOUR, SECOND

# Relative activity in the 24 local hours, and of Monday to Sunday; invented, after what office and private use are.
_HOURS: Final = {
    "office": (0, 0, 0, 0, 0, 0, 1, 4, 9, 12, 12, 10, 5, 9, 12, 11, 9, 5, 2, 1, 1, 1, 0, 0),
    "private": (3, 2, 1, 0, 0, 0, 1, 3, 4, 5, 5, 5, 6, 5, 5, 5, 6, 7, 9, 11, 12, 11, 9, 5),
    "study": (6, 4, 2, 1, 0, 0, 0, 1, 4, 7, 8, 8, 6, 8, 9, 9, 8, 7, 7, 9, 11, 12, 11, 9),
    "clock": (1,) * 24,
    "machine": (1,) * 24,
}
_WEEK: Final = {
    "office": (10, 11, 11, 11, 9, 1, 1),
    "private": (8, 8, 8, 8, 9, 11, 11),
    "study": (10, 10, 10, 9, 8, 6, 9),
    "clock": (1,) * 7,
    "machine": (1,) * 7,
}
_PAUSE: Final = {"office": 95.0, "private": 80.0, "study": 90.0, "clock": 12.0, "machine": 0.9}
_PER_SESSION: Final = {"office": 3.5, "private": 3.0, "study": 4.0, "clock": 9.0, "machine": 40.0}

Times = npt.NDArray[np.int64]
Sessions = npt.NDArray[np.int32]


class Rhythms:
    """Draws times in microseconds; hour tables are kept as cumulated chances."""

    def __init__(self, numbers: np.random.Generator) -> None:
        self._numbers = numbers
        self._hours = {name: np.cumsum(np.array(row, dtype=float)) / sum(row) for name, row in _HOURS.items()}

    def times(self, count: int, rhythm: str, utc_offset: float, from_us: int, until_us: int) -> tuple[Times, Sessions]:
        """`count` request times in rising order between two times, with the number of the session of each."""
        wanted = max(1, min(count, int(self._numbers.poisson(count / _PER_SESSION[rhythm]) or 1)))
        starts = np.sort(self._starts(wanted, rhythm, utc_offset, from_us, until_us))
        session = np.sort(self._numbers.integers(0, wanted, count)).astype(np.int32)
        pauses = self._numbers.lognormal(np.log(_PAUSE[rhythm]), 0.9, count) * SECOND
        first = np.concatenate([[True], session[1:] != session[:-1]])
        pauses[first] = 0
        total = np.cumsum(pauses)
        base = np.maximum.accumulate(np.where(first, total, 0))
        times = (starts[session] + (total - base)).astype(np.int64)
        times = np.clip(times, from_us, until_us - 1) // 1000 * 1000
        order = np.argsort(times, kind="stable")
        return times[order], session[order]

    def _starts(self, count: int, rhythm: str, utc_offset: float, from_us: int, until_us: int) -> Times:
        shift = int(utc_offset * HOUR)
        first_day, last_day = (from_us + shift) // DAY, (until_us - 1 + shift) // DAY
        days = np.arange(first_day, last_day + 1)
        # Day 0 of the epoch was a Thursday.
        weights = np.array(_WEEK[rhythm], dtype=float)[(days + 3) % 7]
        day = days[np.searchsorted(np.cumsum(weights) / weights.sum(), self._numbers.random(count), side="right")]
        hour = np.searchsorted(self._hours[rhythm], self._numbers.random(count), side="right")
        start = (day * DAY + hour * HOUR + self._numbers.random(count) * HOUR - shift).astype(np.int64)
        outside = (start < from_us) | (start >= until_us)
        start[outside] = from_us + (self._numbers.random(int(outside.sum())) * (until_us - from_us)).astype(np.int64)
        return start
