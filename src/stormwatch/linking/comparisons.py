"""Comparisons: identifier kinds, how rare a value is, and the match weight in bits that sharing it gives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from importlib import resources
from typing import Annotated

import msgspec
import yaml

from stormwatch.model.errors import InvalidInput

_Share = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
_Count = Annotated[int, msgspec.Meta(ge=2)]


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One identifier kind: the group within which it is not independent, its reach, and its innocent explanation.

    `innocent` gives, by how many accounts have a value, the share of pairs with it in common that no one hand joins.
    """

    group: str
    blocks_up_to: int
    corroborates_up_to: int
    innocent: dict[_Count, _Share]
    explanation: str

    def innocent_share(self, accounts: int) -> float:
        """The share where so many accounts have the value: its log odds interpolated over the log of the number."""
        points = sorted(self.innocent.items())
        if accounts <= points[0][0]:
            return points[0][1]
        for (low, at_low), (high, at_high) in itertools.pairwise(points):
            if accounts <= high:
                place = math.log(accounts / low) / math.log(high / low)
                return _share(_odds_bits(at_low) + (_odds_bits(at_high) - _odds_bits(at_low)) * place)
        return points[-1][1]


class Comparisons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All kinds, from when a pair is a link, and how firmly a cluster must hold together."""

    link_probability: float
    largest_cluster: int
    cohesion_bits: float
    comparisons: Mapping[str, Comparison]
    shared_infrastructure: float

    @property
    def widest_block(self) -> int:
        """More accounts than this make no pair candidates by any kind."""
        return max(comparison.blocks_up_to for comparison in self.comparisons.values())

    def weight(self, kind: str, accounts: int, *, population: int, listed: bool) -> float:
        """log2 Bayes factor (one operator : two) of a pair that shares a value which `accounts` accounts have.

        By Bayes' rule from what sharing leaves: odds (1 - i) / i, with i the innocent share, over prior odds of
        1 / population (each account has about one partner to be found). Never negative: sharing is no evidence against.
        """
        innocent = self.comparisons[kind].innocent_share(accounts)
        bits = max(math.log2(max(population, 2)) - _odds_bits(innocent), 0.0)
        return bits * (self.shared_infrastructure if listed else 1.0)


def load_comparisons() -> Comparisons:
    """The shipped comparisons; InvalidInput names what does not fit."""
    file = resources.files("stormwatch.linking").joinpath("comparisons.yaml")
    try:
        return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), Comparisons)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(f"the comparisons cannot be used: {error}", where=str(file), remedy="restore it") from error


def _odds_bits(share: float) -> float:
    return math.log2(share / (1.0 - share))


def _share(odds_bits: float) -> float:
    return 1.0 / (1.0 + math.exp2(-odds_bits))
