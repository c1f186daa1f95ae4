"""Text as people sent it to the text that rules are written for: NFKC, nothing invisible, one form of each letter."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True)
class NormalText:
    """The normalised text fields of one event, and by field the views of those that look disguised."""

    prompt: str
    response: str
    tool_arguments: str
    views: tuple[tuple[str, View], ...] = ()

    @classmethod
    def of(cls, text: EventText) -> NormalText:
        """Normalises the three text fields."""
        prompt, shown = _read("prompt", text.prompt)
        response, answered = _read("response", text.response)
        tool_arguments, called = _read("tool_arguments", text.tool_arguments)
        return cls(prompt, response, tool_arguments, shown + answered + called)

    def filled(self) -> list[tuple[str, str]]:
        """Name and text of the fields that hold anything."""
        pairs = (("prompt", self.prompt), ("response", self.response), ("tool_arguments", self.tool_arguments))
        return [(name, text) for name, text in pairs if text]


def _read(name: str, sent: str) -> tuple[str, tuple[tuple[str, View], ...]]:
    """A field normalised, and its views under the field's name."""
    if not sent:
        return "", ()
    plain = normalise(sent)
    views = views_of(sent, plain, utf8(plain), normalise)
    return plain, tuple((name, view) for view in views) if views else ()
