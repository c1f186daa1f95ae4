"""Probabilities, odds and bits: the arithmetic that weights of evidence rest on (Good, 1950, base 2)."""

from __future__ import annotations

import math


def log2_odds(probability: float) -> float:
    """Log2 odds of a probability strictly between 0 and 1."""
    return math.log2(probability) - math.log2(1.0 - probability)


def probability_of(log_odds: float) -> float:
    """The probability with these log2 odds; safe for large values of either sign."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp2(-log_odds))
    scaled = math.exp2(log_odds)
    return scaled / (1.0 + scaled)


def weight_from_rates(shown_by_operators: float, shown_by_innocents: float, population: int, cap_bits: float) -> float:
    """log2 of the likelihood ratio of a feature, between 0 and `cap_bits`.

    The innocent rate gets half a pseudo-account (Jeffreys), so that a feature never seen does not weigh without bound.
    """
    smoothed = (shown_by_innocents * population + 0.5) / (population + 1)
    return min(max(math.log2(shown_by_operators / smoothed), 0.0), cap_bits)
