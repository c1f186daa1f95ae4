"""Text that a reader does not see, or sees turned round, to plain text: tag characters, selectors, overrides."""

from __future__ import annotations

import re
from typing import Final

# Flags of regions are spelt with five or six tag characters; a sentence needs more.
_TAGS: Final = re.compile("[\U000e0020-\U000e007e]{8,}")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{8,}")
_OVERRIDDEN: Final = re.compile("\u202e([^\u202c\u202d\u202e\n]{1,2000})")
_TAG_BASE: Final = 0xE0000
_FIRST_SELECTORS: Final = 0xFE00
_MORE_SELECTORS: Final = 0xE0100 - 16


def hidden_text(text: str) -> str:
    """What tag characters spell, and the bytes that runs of variation selectors stand for, where they are UTF-8."""
    found = ["".join(chr(ord(tag) - _TAG_BASE) for tag in match[0]) for match in _TAGS.finditer(text)]
    for match in _SELECTORS.finditer(text):
        raw = bytes(_byte(ord(selector)) for selector in match[0])
        try:
            found.append(raw.decode("utf-8"))
        except UnicodeDecodeError:
            continue
    return "\n".join(found)


def _byte(code: int) -> int:
    return code - (_FIRST_SELECTORS if code < _MORE_SELECTORS else _MORE_SELECTORS)


def as_displayed(text: str) -> str:
    """The text with what stands behind a right-to-left override written in the order in which it is shown."""
    return _OVERRIDDEN.sub(lambda match: match[1][::-1], text)
