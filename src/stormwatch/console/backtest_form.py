"""What the form of a backtest starts from, and the days that it gives to a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from stormwatch.console.lake_query import lake_query
from stormwatch.detections.history import Window
from stormwatch.hunt.backtest_orders import MOST_DAYS
from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import DAY, day_of, now_us, to_us
from stormwatch.runtime import Runtime

_DAYS_AT_FIRST: Final = 7


@dataclass(frozen=True, slots=True)
class BacktestForm:
    """The first and last day that the form proposes, and how many days it may ask for."""

    since: str
    until: str
    most_days: int = MOST_DAYS


def backtest_form(runtime: Runtime) -> BacktestForm:
    """The last week that requests are stored of."""
    with lake_query(runtime, ("events",)) as query:
        span = query.rows("events_span")[0]
    last_us = span["last_us"] or now_us()
    first_us = max(span["first_us"] or 0, last_us - (_DAYS_AT_FIRST - 1) * DAY)
    return BacktestForm(day_of(first_us), day_of(last_us))


def window_of_days(since: str, until: str) -> Window:
    """From the beginning of the first day to the end of the last, UTC; InvalidInput for what is no day."""
    return Window(_midnight(since, "first day"), _midnight(until, "last day") + DAY)


def _midnight(text: str, where: str) -> int:
    try:
        found = date.fromisoformat(text)
        return to_us(datetime(found.year, found.month, found.day, tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise InvalidInput("this is no day", where=where, remedy="write 2026-03-02") from error
