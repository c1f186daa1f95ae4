"""From candidate pairs to links: the parts of the match weight, strongest of each independence group, and their sum."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from stormwatch.linking.comparisons import Comparisons
from stormwatch.model.evidence import Link, LinkEvidence

_VALUES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SharedValue:
    """A value that a pair has in common, and how many accounts have it in all."""

    account_id_a: str
    account_id_b: str
    kind: str
    value: str
    accounts: int

    @property
    def pair(self) -> tuple[str, str]:
        """The two accounts, in the order of their ids."""
        return self.account_id_a, self.account_id_b


def score_pairs(
    shared: Iterable[SharedValue],
    comparisons: Comparisons,
    *,
    population: int,
    listed: Callable[[str, str], Sequence[str]],
) -> Iterator[Link]:
    """A link for each pair; `shared` is ordered by pair, `listed(kind, value)` names lists of shared infrastructure."""
    prior_bits = math.log2(max(population, 2))
    for pair, values in groupby(shared, key=lambda s: s.pair):
        strongest: dict[str, LinkEvidence] = {}
        for kind, of_kind in groupby(sorted(values, key=lambda s: (s.kind, s.accounts, s.value)), key=lambda s: s.kind):
            part = _part(kind, list(of_kind), comparisons, population, listed)
            group = comparisons.comparisons[kind].group
            if group not in strongest or strongest[group].weight_bits < part.weight_bits:
                strongest[group] = part
        weight = sum(part.weight_bits for part in strongest.values())
        evidence = tuple(sorted(strongest.values(), key=lambda part: (-part.weight_bits, part.identifier_kind)))
        yield Link(pair[0], pair[1], weight, _probability(weight - prior_bits), evidence)


def _part(
    kind: str,
    values: Sequence[SharedValue],
    comparisons: Comparisons,
    population: int,
    listed: Callable[[str, str], Sequence[str]],
) -> LinkEvidence:
    weights: Mapping[str, float] = {
        shared.value: comparisons.weight(
            kind, shared.accounts, population=population, listed=bool(listed(kind, shared.value))
        )
        for shared in values
    }
    best = sorted(weights, key=lambda value: (-weights[value], value))
    names = sorted({name for value in best for name in listed(kind, value)})
    explanation = comparisons.comparisons[kind].explanation
    if names:
        explanation += f"; discounted, as {', '.join(names)} list it as shared infrastructure"
    return LinkEvidence(kind, tuple(best[:_VALUES_SHOWN]), weights[best[0]], explanation)


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp2(-log_odds)) if log_odds > -1000 else 0.0
