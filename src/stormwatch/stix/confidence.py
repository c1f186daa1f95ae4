"""Probability into STIX confidence by an explicit table, because the two scales cut the range in different places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stormwatch.model.icd_203 import likelihood_words

# STIX 2.1 appendix A, "DNI scale": the middle value that stands for each expression.
_BY_WORDS: Final[Mapping[str, int]] = {
    "almost no chance": 5,
    "very unlikely": 15,
    "unlikely": 30,
    "roughly even chance": 50,
    "likely": 70,
    "very likely": 85,
    "almost certain": 95,
}


def confidence_of_probability(probability: float) -> int:
    """STIX confidence (0 to 100) of a statement held with this probability (0 to 1), by way of the ICD 203 words."""
    return _BY_WORDS[likelihood_words(probability)]
