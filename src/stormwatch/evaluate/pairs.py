"""Clusters against campaigns, pair by pair: which accounts were rightly joined, wrongly joined, and left apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_Clusters = Iterable[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs with a planted account in them. A wrong pair of two campaigns counts half for each of them."""

    joined: float = 0.0
    wrong: float = 0.0
    missed: float = 0.0

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(self.joined + other.joined, self.wrong + other.wrong, self.missed + other.missed)

    def __mul__(self, times: float) -> Pairs:
        return Pairs(self.joined * times, self.wrong * times, self.missed * times)

    @property
    def precision(self) -> float | None:
        """Share of the joined pairs that are of one campaign; None when no planted account was joined to anybody."""
        return _share(self.joined, self.joined + self.wrong)

    @property
    def recall(self) -> float | None:
        """Share of the pairs of one campaign that were joined; None when no campaign has two accounts."""
        return _share(self.joined, self.joined + self.missed)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of the two; None when there is no pair at all."""
        return _share(2 * self.joined, 2 * self.joined + self.wrong + self.missed)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def pairs_by_campaign(clusters: _Clusters, campaigns: Mapping[str, Sequence[str]]) -> Mapping[str, Pairs]:
    """The pairs of each campaign, whose accounts `campaigns` gives; a cluster is a list of account ids."""
    of_account = {account: name for name, accounts in campaigns.items() for account in accounts}
    joined, wrong = Counter[str](), Counter[str]()
    for cluster in clusters:
        held = Counter(of_account[account] for account in cluster if account in of_account)
        planted = sum(held.values())
        for name, count in held.items():
            joined[name] += _pairs(count)
            wrong[name] += count * (2 * (len(cluster) - planted) + planted - count)  # in halves
    return {
        name: Pairs(joined[name], wrong[name] / 2, _pairs(len(accounts)) - joined[name])
        for name, accounts in campaigns.items()
    }


def merged_campaigns(clusters: _Clusters, campaigns: Mapping[str, Sequence[str]]) -> int:
    """How many clusters hold accounts of more than one campaign."""
    of_account = {account: name for name, accounts in campaigns.items() for account in accounts}
    return sum(len({of_account[one] for one in cluster if one in of_account}) > 1 for cluster in clusters)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
