"""Text into text that XML, JSON and browsers can all carry."""

from __future__ import annotations

import re
from typing import Final

# What XML 1.0 has no place for: control characters, lone surrogates, non-characters. The chart renderer aborts the
# whole process on them, and JSON cannot be written with a lone surrogate.
_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def plain(text: str) -> str:
    """The text, a replacement mark where a character was that cannot be carried."""
    return _NOT_XML.sub("\ufffd", text)
