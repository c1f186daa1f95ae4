"""How far figures would move with other worlds like these: the bootstrap's percentile intervals.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. What was drawn as one is drawn again as one:
several worlds as worlds; of a single world its campaigns whole, and its innocent accounts one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np

from stormwatch.evaluate.headline import Headline, Pool, Weights, headline

RESAMPLES: Final = 1_000
_SEED: Final = 20240214
_TAIL: Final = 2.5  # per cent on each side


class Resampled(StrEnum):
    """What the intervals draw again."""

    WORLDS = "worlds"
    CAMPAIGNS = "campaigns and innocent accounts"


class Interval(msgspec.Struct, frozen=True):
    """The middle 95 per cent of what the resamples gave; a bound may be infinite for events until flagged."""

    low: float
    high: float


def unit_of(pool: Pool) -> Resampled:
    """What is drawn again for this pool."""
    return Resampled.WORLDS if len(pool.worlds) > 1 else Resampled.CAMPAIGNS


def intervals(pool: Pool, resamples: int = RESAMPLES) -> Mapping[str, Interval]:
    """An interval for each figure, by its name; none for a figure that no resample has."""
    found: dict[str, list[float]] = {name: [] for name in Headline.__struct_fields__}
    for weights in _draws(pool, resamples):
        for name, value in msgspec.structs.asdict(headline(pool, weights)).items():
            if value is not None:
                found[name].append(value)
    return {name: _interval(values) for name, values in found.items() if values}


def _interval(values: list[float]) -> Interval:
    # Values that were drawn, never one between two of them, for one of them may be infinite.
    low, high = np.percentile(values, (_TAIL, 100 - _TAIL), method="inverted_cdf")
    return Interval(float(low), float(high))


def _draws(pool: Pool, resamples: int) -> Iterator[Weights]:
    dice = np.random.default_rng(_SEED)
    for _ in range(resamples):
        yield _worlds(pool, dice) if unit_of(pool) is Resampled.WORLDS else _campaigns(pool, dice)


def _worlds(pool: Pool, dice: np.random.Generator) -> Weights:
    times = _times(len(pool.worlds), dice)
    return Weights(times[pool.world_of_account], times[pool.world_of_campaign])


def _campaigns(pool: Pool, dice: np.random.Generator) -> Weights:
    campaigns = _times(len(pool.campaigns), dice)
    accounts = np.zeros(len(pool.planted))
    accounts[pool.planted] = campaigns[pool.campaign_of_account[pool.planted]]
    accounts[~pool.planted] = _times(int(np.count_nonzero(~pool.planted)), dice)
    return Weights(accounts, campaigns)


def _times(count: int, dice: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How often each of `count` things comes up in as many draws with replacement."""
    drawn = dice.integers(count, size=count) if count else np.zeros(0, dtype=np.int64)
    return np.bincount(drawn, minlength=count).astype(np.float64)
