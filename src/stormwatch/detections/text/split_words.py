"""Words written letter by letter (`s p l i t`, `s-p-l-i-t`, across lines) to the words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

# Single letters with the same few signs between them; two sorts of sign mean words within the run.
_SPELLED: Final = re.compile(r"(?<![^\W_])[^\W\d_](?:[ ._*~|+/\n-]{1,3}[^\W_](?![^\W_])){3,}")
_BETWEEN: Final = re.compile(r"[ ._*~|+/\n-]{1,3}")
_WORDS_OF_ONE_LETTER: Final = frozenset("aAI")
_HYPHENATED: Final = re.compile(r"(?<=[^\W\d_])-\n[ \t]{0,8}(?=[^\W\d_])")


def joined(text: str) -> str:
    """The text with spelled-out words joined and words that a line's end broke made whole.

    At most twice as long, where a run begins like an English word of one letter.
    """
    return _SPELLED.sub(_join, _HYPHENATED.sub("", text))


def _join(match: re.Match[str]) -> str:
    signs = Counter(_BETWEEN.findall(match[0]))
    inner = signs.most_common(1)[0][0]
    word = _BETWEEN.sub(lambda sign: "" if sign[0] == inner else " ", match[0])
    # `a k e y` may be a word of four letters, or an article and a word: both stand in the view.
    return f"{word[0]} {word[1:]} {word}" if inner == " " and word[0] in _WORDS_OF_ONE_LETTER else word
