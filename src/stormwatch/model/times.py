"""Times as the stores keep them: whole microseconds since the Unix epoch, UTC, and back to RFC 3339."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    """The present in microseconds since the epoch."""
    return time.time_ns() // 1000


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, exact (no floating point).

    Raises ValueError when `moment` carries no offset, because a local time cannot be placed.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without an offset cannot be placed")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def parse_rfc3339(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time with offset; ValueError when it is none."""
    return to_us(datetime.fromisoformat(text))


def from_us(time_us: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=time_us)


def format_rfc3339(time_us: int) -> str:
    """RFC 3339 in UTC; milliseconds where that is exact, else microseconds, as STIX asks of its timestamps."""
    moment = from_us(time_us)
    if time_us % 1000 == 0:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def optional_rfc3339(time_us: int | None) -> str | None:
    """The same for a time that may be unknown."""
    return None if time_us is None else format_rfc3339(time_us)


def day_of(time_us: int) -> str:
    """The UTC day a time falls in, as YYYY-MM-DD."""
    return from_us(time_us).strftime("%Y-%m-%d")


def span_words(span_us: int) -> str:
    """A stretch of time in its two largest units, as on a clock that runs down: `2 d 3 h`, `4 min`, `0 s` when over."""
    left = max(span_us, 0)
    found: list[str] = []
    for unit, word in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")):
        number, left = divmod(left, unit)
        if number or found:
            found.append(f"{number} {word}")
    return " ".join(part for part in found[:2] if not part.startswith("0 ")) or "0 s"
