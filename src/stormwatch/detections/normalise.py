"""Text as people sent it to the text that rules are written for: NFKC, nothing invisible, one form of each letter."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from stormwatch.model.event import EventText

# Raised whenever the same text may normalise differently, because stored detections depend on it.
NORMALISER_VERSION: Final = "1"

# Zero-width and bidirectional controls, soft hyphen and variation selectors: used to split words out of a rule's sight.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]"
)
# Arabic and Persian keyboards give different code points for the same letters.
_ARABIC: Final = str.maketrans({"\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9", "\u0640": None})
_ARABIC_FORMS: Final = re.compile("[\u064a\u0649\u0643\u0640]")

TEXT_FIELDS: Final = ("prompt", "response", "tool_arguments")


def normalise(text: str) -> str:
    """NFKC without invisible characters; ASCII text (the common case) is given back as it is.

    The record separator, which the scanner puts between fields, becomes a space.
    """
    if "\x1e" in text:
        text = text.replace("\x1e", " ")
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    if _INVISIBLE.search(text):
        text = _INVISIBLE.sub("", text)
    return text.translate(_ARABIC) if _ARABIC_FORMS.search(text) else text


def utf8(text: str) -> bytes:
    """UTF-8 as the scanner wants it: lone surrogates, which UTF-8 cannot carry, become question marks."""
    return text.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class NormalText:
    """The normalised text fields of one event."""

    prompt: str
    response: str
    tool_arguments: str

    @classmethod
    def of(cls, text: EventText) -> NormalText:
        """Normalises the three text fields."""
        return cls(normalise(text.prompt), normalise(text.response), normalise(text.tool_arguments))

    def filled(self) -> list[tuple[str, str]]:
        """Name and text of the fields that hold anything."""
        pairs = (("prompt", self.prompt), ("response", self.response), ("tool_arguments", self.tool_arguments))
        return [(name, text) for name, text in pairs if text]
