"""Likelihood words follow ICD 203's table, bounds included."""

import pytest

from stormwatch.attribution.naming import hypothesis_words
from stormwatch.model.icd_203 import likelihood_words


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0, "almost no chance"), (0.05, "almost no chance"), (0.051, "very unlikely"), (0.2, "very unlikely"),
        (0.45, "unlikely"), (0.5, "roughly even chance"), (0.55, "roughly even chance"), (0.8, "likely"),
        (0.95, "very likely"), (0.951, "almost certain"), (1.0, "almost certain"),
    ],
)  # fmt: skip
def test_words_for_probabilities(probability: float, words: str) -> None:
    assert likelihood_words(probability) == words


def test_what_is_no_probability_has_no_words() -> None:
    with pytest.raises(ValueError, match="not a probability"):
        likelihood_words(1.01)


@pytest.mark.parametrize(
    ("hypothesis", "words"),
    [
        ("charcoal-typhoon", "Charcoal Typhoon"),
        ("gtg-1002", "GTG-1002"),
        ("unknown-actor", "an actor that is not tracked"),
    ],
)
def test_words_for_hypotheses(hypothesis: str, words: str) -> None:
    assert hypothesis_words(hypothesis) == words
