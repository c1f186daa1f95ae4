"""Words with digits and signs for letters (`m4lw4r3`) to the words they are read as."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

_WORD: Final = re.compile(r"(?<![\w@$])[A-Za-z0-9@$!|]{4,24}(?![\w@$])")
_SIGN: Final = re.compile(r"[013457@$]|[!|](?=[A-Za-z0-9])")
_LETTERS: Final = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "|": "i"}
# One stands for i in one word and for l in another, so both are tried.
_AMBIGUOUS: Final = ("1", "!", "|")
_READINGS: Final = (str.maketrans(_LETTERS), str.maketrans({**_LETTERS, **dict.fromkeys(_AMBIGUOUS, "l")}))
_MOST_SIGNS: Final = 0.6


def read_as_words(text: str) -> tuple[str, ...]:
    """The one or two readings of the text that differ from it; of the same length, and none where nothing is odd."""
    readings = (_WORD.sub(partial(_read, table), text) for table in _READINGS)
    return tuple(dict.fromkeys(reading for reading in readings if reading != text))


def _read(table: dict[int, str], match: re.Match[str]) -> str:
    word = match[0]
    signs = len(_SIGN.findall(word))
    letters = sum(character.isalpha() for character in word)
    return word.translate(table) if letters >= 2 and 0 < signs <= _MOST_SIGNS * len(word) else word
