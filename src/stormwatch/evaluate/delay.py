"""How much a campaign did, from its first request on the goal, until the first of its accounts was flagged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

NEVER = math.inf


def events_until_flagged(first_on_goal_us: int, flagged_us: int | None, times_us: Iterable[int]) -> float:
    """Events of the campaign's accounts after its first on the goal, up to and with the moment it was flagged.

    0 when it was flagged by then; `NEVER` when it was not flagged at all.
    """
    if flagged_us is None:
        return NEVER
    return float(sum(first_on_goal_us < moment <= flagged_us for moment in times_us))


def weighted_median(values: Sequence[float], weights: Sequence[float]) -> float | None:
    """The lower median: the least value that half of the weight does not exceed; None of nothing."""
    half, reached = sum(weights) / 2, 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        reached += weight
        if reached >= half and reached > 0:
            return value
    return None
