"""Text as people sent it to the text that rules are written for: NFKC, nothing invisible, one form of each letter."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import msgspec

from stormwatch.detections.text.evasion_views import View, views_of
from stormwatch.model.event import EventText

# Raised whenever the same text may normalise differently, because stored detections depend on it.
NORMALISER_VERSION: Final = "2"

# Zero-width and bidirectional controls, soft hyphen, tags and variation selectors: used to split words out of a rule's
# sight. What tags and selectors spell is read as a view.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0000-\U000e0fff]"
)
# Arabic and Persian keyboards give different code points for the same letters.
_ARABIC: Final = (("\u064a", "\u06cc"), ("\u0649", "\u06cc"), ("\u0643", "\u06a9"), ("\u0640", ""))

TEXT_FIELDS: Final = ("prompt", "response", "tool_arguments")


def normalise(text: str) -> str:
    """NFKC without invisible characters; ASCII text (the common case) is given back as it is.

    The record separator, which the scanner puts between fields, becomes a space.
    """
    if "\x1e" in text:
        text = text.replace("\x1e", " ")
    if text.isascii():
        return text
    # What is invisible may keep letters from joining and hide a line's end, so composition is looked at again.
    while not unicodedata.is_normalized("NFKC", text) or _INVISIBLE.search(text):
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    for written, read in _ARABIC:
        if written in text:
            text = text.replace(written, read)
    return text


def utf8(text: str) -> bytes:
    """UTF-8 as the scanner wants it: lone surrogates, which UTF-8 cannot carry, become question marks."""
    return text.encode("utf-8", "replace")


NormalField = tuple[str, str, bytes]
"""Name of a text field, the normalised text, and its UTF-8: whatever scans a text asks for that, so it is made once."""


class NormalText(msgspec.Struct, frozen=True):
    """The normalised text fields of one event, and by field the views of those that look disguised.

    `filled` are the fields that hold anything.
    """

    prompt: str
    response: str
    tool_arguments: str
    views: tuple[tuple[str, View], ...] = ()
    filled: tuple[NormalField, ...] = ()

    def __post_init__(self) -> None:
        if not self.filled:
            texts = zip(TEXT_FIELDS, (self.prompt, self.response, self.tool_arguments), strict=True)
            filled = tuple([(name, text, utf8(text)) for name, text in texts if text])
            msgspec.structs.force_setattr(self, "filled", filled)

    @classmethod
    def of(cls, text: EventText) -> NormalText:
        """Normalises the three text fields."""
        views: list[tuple[str, View]] = []
        filled: list[NormalField] = []
        for name, sent in zip(TEXT_FIELDS, (text.prompt, text.response, text.tool_arguments), strict=True):
            if sent:
                plain = normalise(sent)
                raw = utf8(plain)
                views += [(name, view) for view in views_of(sent, plain, raw, normalise)]
                if plain:  # nothing is left of a text that is invisible as a whole, and yet it may have views
                    filled.append((name, plain, raw))
        normal = {name: plain for name, plain, _ in filled}
        prompt, response, tool_arguments = (normal.get(name, "") for name in TEXT_FIELDS)
        return cls(prompt, response, tool_arguments, tuple(views), tuple(filled))
