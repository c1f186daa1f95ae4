"""From what linked accounts ask about to evidence: which techniques and topics several of them pursue, and how likely
a group of other people who send as much would be to do so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from stormwatch.attribution.base_rates import SharedGoals
from stormwatch.attribution.traits import AccountTraits, Trait, TraitFamily

_CONTENT: Final = frozenset({TraitFamily.TECHNIQUE, TraitFamily.TOPIC})
_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class Goal:
    """A technique or topic that several accounts of a cluster show; `bits` is its log2 likelihood ratio, capped.

    `expected` is how many accounts of others, with as many requests each, would show it.
    """

    trait: Trait
    accounts: int
    expected: float
    bits: float
    event_time_us: int


class GoalScorer:
    """Weighs what clusters share against how often this operator's population shows it.

    Two explanations of a cluster are compared. Other people: each request shows a trait at the rate at which requests
    here do, so that an account of n requests shows it with probability 1 - (1 - h)^n. One operator who pursues it:
    `event_share` of the requests are made for it besides. Whether the trait is among an operator's goals is not known
    beforehand: it is with probability `pursued`. h is measured, trait by trait: the one rate at which the accounts of
    this population, given how much each sends, would show the trait as often as they do (maximum likelihood).
    """

    def __init__(self, traits: AccountTraits, requests: Mapping[str, int], settings: SharedGoals) -> None:
        self._traits = traits
        self._requests = requests
        self._settings = settings
        self._log_miss = {trait: math.log1p(-rate) for trait, rate in _rates(traits, requests).items()}

    @property
    def missing_bits(self) -> float:
        """log2 likelihood ratio of not serving a goal that an operator's accounts serve and strangers never do."""
        return math.log2(1.0 - self._settings.pursued_by_member)

    def goals(self, account_ids: Sequence[str]) -> Sequence[Goal]:
        """What at least `fewest_accounts` of the accounts share and that speaks for one operator, strongest first."""
        times: dict[Trait, dict[str, int]] = defaultdict(dict)
        for account in account_ids:
            for trait, time_us in self._traits.get(account, {}).items():
                if trait.family in _CONTENT:
                    times[trait][account] = time_us
        return sorted(self._weighed(account_ids, times), key=lambda goal: (-goal.bits, goal.trait))

    def shown_bits(self, account: str, goals: Sequence[Goal]) -> float:
        """log2 of how much likelier it is that a member of a cluster with these goals shows what this account shows.

        The strongest goal alone counts: what one account asks about is not independent. A member pursues a given goal
        of its cluster with probability `pursued_by_member`.
        """
        return max((self._shown(account, goal.trait) for goal in goals), default=0.0)

    def _shown(self, account: str, trait: Trait) -> float:
        by_member = self._settings.pursued_by_member
        ratio = self._log_ratio(trait, account, shown=trait in self._traits.get(account, {}))
        bits = float(np.logaddexp(math.log(1.0 - by_member), math.log(by_member) + ratio)) / math.log(2.0)
        return min(bits, self._settings.trait_cap_bits)

    def _weighed(self, account_ids: Sequence[str], times: Mapping[Trait, Mapping[str, int]]) -> Iterator[Goal]:
        for trait, shown in times.items():
            if len(shown) < self._settings.fewest_accounts:
                continue
            bits = self._bits(trait, account_ids, shown)
            if bits > 0:
                complete_us = sorted(shown.values())[self._settings.fewest_accounts - 1]
                expected = sum(-math.expm1(self._sent(account) * self._log_miss[trait]) for account in account_ids)
                yield Goal(trait, len(shown), expected, min(bits, self._settings.trait_cap_bits), complete_us)

    def _bits(self, trait: Trait, account_ids: Sequence[str], shown: Mapping[str, int]) -> float:
        ratio = sum(self._log_ratio(trait, account, shown=account in shown) for account in account_ids)
        pursued = self._settings.pursued
        # log2(1 - p + p * exp(ratio)), safe for large ratios.
        return float(np.logaddexp(math.log(1.0 - pursued), math.log(pursued) + ratio)) / math.log(2.0)

    def _log_ratio(self, trait: Trait, account: str, *, shown: bool) -> float:
        """Natural log of P(shown or not | an operator who pursues it) / P(the same | others who send as much)."""
        requests, miss = self._sent(account), self._log_miss[trait]
        by_chance = requests * miss
        if_pursued = by_chance + requests * math.log1p(-self._settings.event_share)
        return _log_complement(if_pursued) - _log_complement(by_chance) if shown else if_pursued - by_chance

    def _sent(self, account: str) -> int:
        return max(self._requests.get(account, 1), 1)


def _rates(traits: AccountTraits, requests: Mapping[str, int]) -> Mapping[Trait, float]:
    counts: dict[Trait, int] = defaultdict(int)
    for of_account in traits.values():
        for trait in of_account:
            if trait.family in _CONTENT:
                counts[trait] += 1
    sizes, accounts = np.unique([max(n, 1) for n in requests.values()] or [1], return_counts=True)
    return {trait: _rate(count, sizes, accounts) for trait, count in counts.items()}


def _rate(count: int, sizes: np.ndarray, accounts: np.ndarray) -> float:
    """The rate per request at which so many accounts are expected to show a trait; half an account more (Jeffreys)."""
    low, high = -40.0, -1e-9
    for _ in range(_STEPS):
        middle = (low + high) / 2
        expected = float((accounts * -np.expm1(sizes * math.log1p(-math.exp(middle)))).sum())
        low, high = (low, middle) if expected > count + 0.5 else (middle, high)
    return math.exp((low + high) / 2)


def _log_complement(log_probability: float) -> float:
    """log(1 - exp(x)) for x < 0."""
    return math.log(-math.expm1(log_probability))
