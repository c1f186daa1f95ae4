"""Turns text that people wrote into text that only shows: characters that steer a display become visible marks."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup

# Control characters but tab and newline; bidi marks and overrides; separators that break lines; characters without
# width that hide words; tag characters that carry text nobody sees; lone surrogates, which UTF-8 cannot write.
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text with every steering character written out as its code point, such as ⟨U+202E⟩."""
    return _STEERING.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text)


def shown(value: object) -> object:
    """What a template prints for a value: nothing for None, text made visible, markup of our own untouched."""
    if value is None:
        return ""
    if isinstance(value, Markup):
        return value
    return visible(str(value))


def shortened(text: str, length: int = 16) -> str:
    """At most `length` characters, the middle left out, so that ids with one prefix stay apart."""
    if len(text) <= length:
        return text
    head = length // 2
    return f"{text[:head]}…{text[head + 1 - length :]}"
