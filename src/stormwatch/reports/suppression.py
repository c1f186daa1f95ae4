"""Figures with counts in, figures for the public out: small counts gone, and gone for good, also by arithmetic.

A reader knows the total, the cells that stand, and this very rule. So which cell is sacrificed for a small one never
depends on how large the candidates are (choosing the smallest would give bounds away): it is the last in the figure's
own order. Cells are added until the hidden sum reaches minimum times their number; then every small cell may, as far as
anyone can tell, have any value from 1 to minimum - 1. Where that cannot be reached the whole breakdown is withheld,
zeros included, and the total alone stands. The tests enumerate every table that a reader could think of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from stormwatch.reports.figures import Cell, Figure

# Below 3 the rule undoes itself: zeros are published, so a suppressed count below 2 can only be 1.
LOWEST_MINIMUM: Final = 3


def suppress(figure: Figure, minimum: int) -> Figure:
    """The figure as it may be published when counts from 1 to `minimum` - 1 stay private."""
    minimum = max(minimum, LOWEST_MINIMUM)
    if not figure.guarded:
        return figure
    counts = [cell.count or 0 for cell in figure.cells]
    if figure.overlapping:
        return _without(figure, {index for index, count in enumerate(counts) if 0 < count < minimum})
    if 0 < sum(counts) < minimum:
        return msgspec.structs.replace(_without(figure, set(range(len(counts)))), total=None)
    return _without(figure, hidden_cells(counts, minimum))


def hidden_cells(counts: Sequence[int], minimum: int) -> set[int]:
    """Which cells of a table with a published total must go: indices into `counts`."""
    hidden = {index for index, count in enumerate(counts) if 0 < count < minimum}
    if not hidden:
        return hidden
    total_hidden = sum(counts[index] for index in hidden)
    for index in reversed(range(len(counts))):
        if counts[index] < minimum:
            continue
        hidden.add(index)
        total_hidden += counts[index]
        if total_hidden >= minimum * len(hidden):
            return hidden
    return set(range(len(counts)))


def _without(figure: Figure, hidden: set[int]) -> Figure:
    cells = tuple(
        Cell(cell.label, None, suppressed=True) if index in hidden else cell for index, cell in enumerate(figure.cells)
    )
    return msgspec.structs.replace(figure, cells=cells)
