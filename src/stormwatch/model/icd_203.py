"""Probabilities into the expressions of ICD 203, from the table beside this module."""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import pairwise

import msgspec
import yaml


class LikelihoodRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"lower": "from", "upper": "to"}):
    """One range: bounds in per cent, the expression used here, and that of the directive's other row."""

    lower: int
    upper: int
    words: str
    also: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    published: str
    ranges: tuple[LikelihoodRange, ...]


@cache
def likelihood_ranges() -> tuple[LikelihoodRange, ...]:
    """The seven ranges, from the lowest."""
    text = resources.files("stormwatch.model").joinpath("icd_203.yaml").read_text(encoding="utf-8")
    ranges = msgspec.convert(yaml.safe_load(text), _Table).ranges
    if any(below.upper != above.lower for below, above in pairwise(ranges)):
        raise ValueError("icd_203.yaml: the ranges do not follow on one another")
    return ranges


def likelihood_words(probability: float) -> str:
    """The expression for a probability of 0 to 1; a bound belongs to the lower range."""
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"not a probability: {probability}")
    ranges = likelihood_ranges()
    # Compared as shares: a hundred times 0.55 is no longer 55.
    return next((one.words for one in ranges if probability <= one.upper / 100), ranges[-1].words)
