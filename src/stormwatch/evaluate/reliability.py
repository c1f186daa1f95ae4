"""Said probabilities against what was true: bins for a reliability diagram, Brier score, expected calibration error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from stormwatch.evaluate.ranking import Floats
from stormwatch.evaluate.scored import ScoredAccount, ScoredWorld
from stormwatch.evaluate.worlds import PLANTED
from stormwatch.model.assessment import BENIGN, COMPROMISED_ACCOUNT

_BINS: Final = 10


class Bin(msgspec.Struct, frozen=True):
    """Statements with a probability from `low` to below `high`, the last up to 1; how many of them were true."""

    low: float
    high: float
    statements: int
    mean_probability: float
    share_true: float


class Reliability(msgspec.Struct, frozen=True):
    """Bins that hold anything; the mean squared error; the mean distance of the bins weighted by their statements.

    Brier (Monthly Weather Review 78, 1950); Naeini, Cooper and Hauskrecht (AAAI 2015).
    """

    statements: int
    brier: float | None
    calibration_error: float | None
    bins: tuple[Bin, ...]


def reliability(statements: Iterable[tuple[float, bool]]) -> Reliability:
    """Scores statements of (probability, whether it was true)."""
    given = list(statements)
    if not given:
        return Reliability(0, None, None, ())
    said = np.array([probability for probability, _ in given])
    true = np.array([float(outcome) for _, outcome in given])
    place = np.minimum((said * _BINS).astype(np.int64), _BINS - 1)
    bins = tuple(_bin(number, said[place == number], true[place == number]) for number in range(_BINS))
    held = tuple(one for one in bins if one.statements)
    error = sum(one.statements * abs(one.mean_probability - one.share_true) for one in held) / len(given)
    return Reliability(len(given), float(np.mean((said - true) ** 2)), error, held)


def _bin(number: int, said: Floats, true: Floats) -> Bin:
    if not len(said):
        return Bin(number / _BINS, (number + 1) / _BINS, 0, 0.0, 0.0)
    return Bin(number / _BINS, (number + 1) / _BINS, len(said), float(np.mean(said)), float(np.mean(true)))


def risk_statements(worlds: Sequence[ScoredWorld]) -> Iterator[tuple[float, bool]]:
    """Of every account: that it is not innocently used, which is what its risk says."""
    for world in worlds:
        for account in world.accounts:
            yield account.risk, BENIGN not in _right(account, world)


def hypothesis_statements(worlds: Sequence[ScoredWorld]) -> Iterator[tuple[float, bool]]:
    """Of every account in a cluster or with a case: each hypothesis about it."""
    for world in worlds:
        for account in world.accounts:
            right = _right(account, world)
            if account.subject is not None:
                yield from ((probability, name in right) for name, probability in account.subject.odds)


def _right(account: ScoredAccount, world: ScoredWorld) -> frozenset[str]:
    """The hypotheses that are true of an account."""
    truth = account.truth
    if truth.category == PLANTED:
        return world.right[truth.campaign_id]
    if truth.stolen_from:
        return frozenset((COMPROMISED_ACCOUNT,))
    return frozenset((BENIGN if truth.innocent else truth.actor,))
