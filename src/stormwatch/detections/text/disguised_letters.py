"""Letters under heaps of marks, or with an accent on each, to the bare letters."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Marks of general use; those that belong to one script (Arabic, Hebrew, Devanagari, Thai) are spelling, not disguise.
_MARKS: Final = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]+")
# Four accented Latin letters in a row stand in no word that we know of.
_ACCENTED_RUN: Final = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]{4,}")


def bare_letters(text: str) -> str:
    """The text without combining marks, and without accents where Latin letters bear one after the other."""
    return _MARKS.sub("", _ACCENTED_RUN.sub(_without_accents, text))


def _without_accents(match: re.Match[str]) -> str:
    return _MARKS.sub("", unicodedata.normalize("NFD", match[0]))
