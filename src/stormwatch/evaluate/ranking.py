"""Accounts ranked by a score to recall at a number of false accusations, average precision, and the curves of both.

Accounts of one score are accused together or not at all: what a ranking does not tell apart, no cut-off can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_ROUNDING: Final = 1e-9  # sums of weights are whole numbers that floating point may miss by a hair


def allowed(innocents: float, per: int) -> int:
    """How many innocents one in `per` lets a ranking accuse: the nearest whole number, halves up."""
    return math.floor(innocents / per + 0.5)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A cut-off: weight of the planted and innocent at or above it, and the share of all planted that is."""

    score: float
    hits: float
    false_accusations: float
    recall: float
    precision: float


class Ranking:
    """Accounts by falling score. Every figure takes a weight per account, as the bootstrap draws them."""

    def __init__(self, scores: Floats, planted: Bools) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        last_of_tie = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.zeros(0, dtype=np.bool_)
        self._ends = np.flatnonzero(last_of_tie)
        self._scores = ranked[self._ends]
        self._planted = planted[self._order]

    def _totals(self, weights: Floats, among: Bools) -> Floats:
        """Cumulated weight of the accounts `among` (in ranked order) at each cut-off."""
        whole: Floats = np.cumsum(np.where(among, weights, 0.0))[self._ends]
        return whole

    def recall(self, per: int, weights: Floats, among: Bools | None = None) -> float | None:
        """Share of the planted (of those `among`) at the lowest cut-off that accuses at most one innocent in `per`.

        None when no planted account has weight.
        """
        drawn = weights[self._order]
        wanted = self._planted if among is None else self._planted & among[self._order]
        hits, false = self._totals(drawn, wanted), self._totals(drawn, ~self._planted)
        if not len(hits) or hits[-1] <= 0:
            return None
        cutoffs = int(np.searchsorted(false, allowed(false[-1], per) + _ROUNDING, side="right"))
        return float(hits[cutoffs - 1] / hits[-1]) if cutoffs else 0.0

    def average_precision(self, weights: Floats) -> float | None:
        """Sum over cut-offs of the recall gained times the precision there; None without planted accounts.

        The step-wise area under the precision-recall curve (Davis and Goadrich, ICML 2006, on why not to interpolate).
        """
        drawn = weights[self._order]
        hits, false = self._totals(drawn, self._planted), self._totals(drawn, ~self._planted)
        if not len(hits) or hits[-1] <= 0:
            return None
        gained = np.diff(hits, prepend=0.0) / hits[-1]
        return float(np.sum(gained[gained > 0] * (hits / np.maximum(hits + false, _ROUNDING))[gained > 0]))

    def curve(self, weights: Floats) -> Sequence[CurvePoint]:
        """All cut-offs, from the strictest on."""
        drawn = weights[self._order]
        hits, false = self._totals(drawn, self._planted), self._totals(drawn, ~self._planted)
        every = hits[-1] if len(hits) and hits[-1] > 0 else 1.0
        return [
            CurvePoint(float(score), float(hit), float(wrong), float(hit / every), float(hit / max(hit + wrong, 1e-9)))
            for score, hit, wrong in zip(self._scores, hits, false, strict=True)
        ]
