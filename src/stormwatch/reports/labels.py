"""Turns the labels of the JSON, which programs read, into the words that the page and its charts show."""

from __future__ import annotations

from typing import Final

from stormwatch.attribution.naming import hypothesis_words
from stormwatch.model.assessment import RESIDUAL_HYPOTHESES

_WORDS: Final = {
    "suspend": "suspended",
    "limit": "limited",
    "watch": "watched",
    "tracked-actor": "a tracked actor",
    **{hypothesis: hypothesis_words(hypothesis) for hypothesis in RESIDUAL_HYPOTHESES},
    "peer-provider": "peer providers",
    "security-vendor": "security vendors",
    "researcher": "researchers",
    "victim": "victims",
    "government": "governments",
    "public-report": "public reports",
    "internal": "the operator's own staff",
}


def in_words(label: str) -> str:
    """What people read in place of a label; one that is words already stays as it is."""
    return _WORDS.get(label, label)
