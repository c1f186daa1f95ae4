"""Words that mix letters of several scripts to the Latin words that they look like."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import yaml

from stormwatch.model.errors import InvalidInput

_LATIN_FORMS: Final = "latin-forms"
# A word that holds something outside ASCII; possessive, so that a long word in ASCII is read once.
_WORD: Final = re.compile(r"(?<!\w)[0-9A-Za-z_]*+(?![\x00-\x7f])\w+")
_ASCII_LETTER: Final = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Confusables:
    """What each look-alike looks like, and which of them are Latin letters themselves."""

    latin_of: Mapping[int, str]
    latin_forms: frozenset[str]


def latinised(text: str) -> str:
    """The text with each mixed word written in Latin letters.

    A word counts as mixed when it holds a Latin letter and every other letter in it has a Latin look-alike, so that
    words in one script, and such as `VPNом`, stay as they are.
    """
    return _WORD.sub(_word, text)


def _word(match: re.Match[str]) -> str:
    word, table = match[0], confusables()
    odd = {character for character in word if not character.isascii()}
    known = {character for character in odd if ord(character) in table.latin_of}
    if not known or not (_ASCII_LETTER.search(word) or known <= table.latin_forms):
        return word
    if any(character.isalpha() and not _is_latin(character) for character in odd - known):
        return word
    return word.translate(table.latin_of)


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith("LATIN ")


@cache
def confusables() -> Confusables:
    """The shipped table (data/confusables.yaml)."""
    source = resources.files("stormwatch.detections").joinpath("data", "confusables.yaml")
    return read_confusables(source.read_text(encoding="utf-8"))


def read_confusables(text: str) -> Confusables:
    """The table from its YAML: groups of Latin letter to look-alikes; InvalidInput where it says two things."""
    latin_of: dict[int, str] = {}
    groups: Mapping[str, Mapping[str, str]] = yaml.safe_load(text)
    for group, letters in groups.items():
        for latin, alike in letters.items():
            for character in alike:
                if character.isascii() or latin_of.setdefault(ord(character), str(latin)) != latin:
                    raise InvalidInput(
                        f"{character!r} in {group!r} is ASCII or looks like two letters",
                        where="confusables.yaml",
                        remedy="name one Latin letter for each",
                    )
    return Confusables(latin_of, frozenset("".join(groups.get(_LATIN_FORMS, {}).values())))
