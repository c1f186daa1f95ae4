"""Comparisons: identifier kinds, how rare a value is, and the match weight in bits that sharing it gives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from importlib import resources

import msgspec
import yaml

from stormwatch.model.errors import InvalidInput


class InnocentShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Share of pairs of different people among the pairs that have a value in common, by how many accounts have it."""

    two: float
    five: float
    twenty: float

    def at(self, accounts: int) -> float:
        """Interpolated over the logarithm of the number of accounts; constant outside 2 to 20."""
        points = ((2, self.two), (5, self.five), (20, self.twenty))
        if accounts <= points[0][0]:
            return self.two
        for (low, at_low), (high, at_high) in itertools.pairwise(points):
            if accounts <= high:
                place = math.log(accounts / low) / math.log(high / low)
                return at_low + (at_high - at_low) * place
        return self.twenty


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One identifier kind: the group within which it is not independent, and its innocent explanation."""

    group: str
    innocent: InnocentShare
    explanation: str


class Comparisons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All kinds, the cap on how many accounts may share a value, and from when a pair is a link."""

    frequency_cap: int
    link_probability: float
    largest_cluster: int
    comparisons: Mapping[str, Comparison]
    shared_infrastructure: float

    def weight(self, kind: str, accounts: int, *, population: int, listed: bool) -> float:
        """log2 Bayes factor (one operator : two) of a pair that shares a value which `accounts` accounts have.

        By Bayes' rule from what sharing leaves: odds (1 - i) / i, with i the innocent share, over prior odds of
        1 / population (each account has about one partner to be found). Never negative: sharing is no evidence against.
        """
        innocent = self.comparisons[kind].innocent.at(accounts)
        bits = max(math.log2((1.0 - innocent) / innocent) + math.log2(max(population, 2)), 0.0)
        return bits * (self.shared_infrastructure if listed else 1.0)


def load_comparisons() -> Comparisons:
    """The shipped comparisons; InvalidInput names what does not fit."""
    file = resources.files("stormwatch.linking").joinpath("comparisons.yaml")
    try:
        return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), Comparisons)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(f"the comparisons cannot be used: {error}", where=str(file), remedy="restore it") from error
