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
    """Cut-offs that find somebody, and the very last: between them a curve is level."""
    found = 0.0
    for point in points:
        if point.hits > found:
            found = point.hits
            yield point
    if points and points[-1].hits == found and points[-1].false_accusations > 0:
        yield points[-1]
