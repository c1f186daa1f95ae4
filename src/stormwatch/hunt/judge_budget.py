"""How often, how fast and how long a judge may be asked in one hunt; says why when it is enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from stormwatch.config import Settings


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic seconds and a way to wait, so that tests need not."""

    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class JudgeBudget:
    """Requests and tokens that are left of the hunt's and of the day's, the pace between requests, and the time."""

    def __init__(self, settings: Settings, spent_today: tuple[int, int], clock: Clock) -> None:
        requests, tokens = spent_today
        self._left = {
            "judge_requests_per_hunt": settings.judge_requests_per_hunt,
            "judge_requests_per_day": settings.judge_requests_per_day - requests,
        }
        self._tokens_left = {
            "judge_tokens_per_hunt": settings.judge_tokens_per_hunt,
            "judge_tokens_per_day": settings.judge_tokens_per_day - tokens,
        }
        self._pause = 60.0 / settings.judge_requests_per_minute
        self._clock = clock
        self._end = clock.seconds() + settings.judge_seconds_per_hunt
        self._next = clock.seconds()

    def refusal(self, tokens: int) -> str | None:
        """Why no more may be asked, when the next question would take about so many tokens; None: go on."""
        for name, left in self._left.items():
            if left < 1:
                return f"{name} is used up"
        for name, left in self._tokens_left.items():
            if left < tokens:
                return f"{name} is used up"
        if max(self._clock.seconds(), self._next) >= self._end:
            return "judge_seconds_per_hunt is over"
        return None

    def wait(self, seconds: float = 0.0) -> bool:
        """Waits for the next turn, and at least so long; False, at once, when the hunt's time would end before."""
        now = self._clock.seconds()
        due = max(self._next, now + seconds)
        if due >= self._end:
            return False
        if due > now:
            self._clock.sleep(due - now)
        self._next = due + self._pause
        return True

    def spend(self, tokens: int) -> None:
        """Takes one request and its tokens off."""
        self._left = {name: left - 1 for name, left in self._left.items()}
        self._tokens_left = {name: left - tokens for name, left in self._tokens_left.items()}
