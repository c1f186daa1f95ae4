"""What a rule costs: time to scan a fixed sample of text for it alone, and the size of its automaton."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from stormwatch.detections.rulebook.compiled import compile_patterns
from stormwatch.detections.sigma.rule import Rule
from stormwatch.detections.text.normalise import normalise, utf8

_ROUNDS: Final = 5
_REPEATS: Final = 8
# A rule beyond these deserves a look: most rules cost a fifth of the time and a tenth of the size.
SLOW_MICROSECONDS_PER_KB: Final = 6.0
MODERATE_MICROSECONDS_PER_KB: Final = 2.0
LARGE_BYTES: Final = 4_000_000
LONG_MILLISECONDS: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class RuleCost:
    """Scan time per kB of sample text, time to compile, database size, and the patterns that the sample hits."""

    microseconds_per_kb: float
    compile_milliseconds: float
    database_bytes: int
    sample_hits: int

    @property
    def cost_class(self) -> str:
        """Fields (no text is scanned for it), low, moderate or high."""
        if self.is_high:
            return "high"
        if not self.database_bytes:
            return "fields"
        return "low" if self.microseconds_per_kb <= MODERATE_MICROSECONDS_PER_KB else "moderate"

    @property
    def is_high(self) -> bool:
        """Whether a look is worth while."""
        return (
            self.microseconds_per_kb > SLOW_MICROSECONDS_PER_KB
            or self.compile_milliseconds > LONG_MILLISECONDS
            or self.database_bytes > LARGE_BYTES
        )


def measure(rule: Rule) -> RuleCost:
    """Compiles the rule alone and scans the sample; a rule over fields alone scans nothing."""
    if not rule.patterns:
        return RuleCost(0.0, 0.0, 0, 0)
    started = time.perf_counter()
    database = compile_patterns(rule.patterns)
    compiling = time.perf_counter() - started
    sample = _sample() * _REPEATS
    seen: set[int] = set()
    best = float("inf")
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for paragraph in sample:
            database.scan(paragraph, match_event_handler=_collect, context=seen)
        best = min(best, time.perf_counter() - started)
    kilobytes = sum(map(len, sample)) / 1000
    return RuleCost(round(best * 1e6 / kilobytes, 3), round(compiling * 1e3, 1), int(database.size()), len(seen))


@cache
def _sample() -> tuple[bytes, ...]:
    """The paragraphs of data/sample.txt: mundane requests in several languages, and code."""
    text = resources.files("stormwatch.detections").joinpath("data", "sample.txt").read_text(encoding="utf-8")
    return tuple(utf8(normalise(paragraph)) for paragraph in text.split("\n\n") if paragraph.strip())


def _collect(number: int, _start: int, _end: int, _flags: int, found: set[int]) -> None:
    found.add(number)
