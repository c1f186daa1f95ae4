"""A pool to the lines that its charts draw: of the product and of each naive rule, only where something changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.evaluate.headline import Pool
from stormwatch.evaluate.ranking import CurvePoint

PRODUCT: Final = "stormwatch"


@dataclass(frozen=True, slots=True)
class Curve:
    """One way to rank accounts; points from the strictest cut-off on."""

    name: str
    points: Sequence[CurvePoint]


def curves(pool: Pool) -> Sequence[Curve]:
    """The product's curve, then those of the naive rules."""
    weights = pool.as_it_is.accounts
    rankings = {PRODUCT: pool.ranking, **pool.naive}
    return [Curve(name, list(_corners(ranking.curve(weights)))) for name, ranking in rankings.items()]


def _corners(points: Sequence[CurvePoint]) -> Iterator[CurvePoint]:
    """Cut-offs that find somebody, the last cut-off before each of them, and the very last."""
    for number, point in enumerate(points):
        before = points[number - 1].hits if number else 0.0
        after = points[number + 1].hits if number + 1 < len(points) else point.hits + 1
        if point.hits > before or after > point.hits:
            yield point
