"""Says whether a new password may be one: long enough, and not built from words that guessers try first.

NIST SP 800-63B-4, section 3.1.1.2: at least 15 characters where a password may stand alone, at least 64 allowed, any
character, no composition rules, no expiry, compared with a list of what is expected or known.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Final

import yaml

from stormwatch.access.passwords import normalised
from stormwatch.model.errors import InvalidInput

SHORTEST: Final = 15
LONGEST: Final = 256
_FEWEST_DIFFERENT: Final = 8
_REMEDY: Final = "take several words that have nothing to do with each other, or let a password manager make one"


def require_acceptable(password: str, own_words: Iterable[str] = ()) -> None:
    """InvalidInput when a password is too short, too long or easily guessed; `own_words` are the person's own."""
    text = normalised(password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise InvalidInput(f"a password has {SHORTEST} to {LONGEST} characters", remedy=_REMEDY)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise InvalidInput("a password holds no control characters", remedy=_REMEDY)
    if len(set(_left_over(text, own_words))) < _FEWEST_DIFFERENT:
        raise InvalidInput("this password is among the first that a guesser tries", remedy=_REMEDY)


def _left_over(text: str, own_words: Iterable[str]) -> str:
    """What remains of a password when the words that a guesser begins with are taken away."""
    left = "".join(text.casefold().split())
    own = {word.casefold() for name in own_words for word in name.split() if len(word) > 2}
    for word in sorted(refused_words() | own, key=len, reverse=True):
        left = left.replace(word, "")
    return left


@cache
def refused_words() -> frozenset[str]:
    """The words of the shipped list, folded."""
    text = (resources.files("stormwatch.access") / "data" / "refused_words.yaml").read_text(encoding="utf-8")
    return frozenset(str(word).casefold() for word in yaml.safe_load(text)["words"])
