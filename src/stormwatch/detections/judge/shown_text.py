"""A text to what a model may be shown of it: no addresses, mails, names of hosts or numbers of people, and clipped.

Secrets are gone already, since ingest. Equal identifiers get equal names within a text, so that it still reads.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from stormwatch.detections.artefacts.domain_names import domain_list

_DOT: Final = r"(?:\.|\s?[\[({]\s?(?:\.|dot)\s?[\])}]\s?)"
_AT: Final = r"(?:@|\s?[\[({]\s?(?:@|at)\s?[\])}]\s?)"
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
# The order matters: a mail holds a host, a link holds an address.
_IDENTIFIERS: Final = (
    ("link", re.compile(r"(?<!\w)(?:h(?:tt|xx|\*\*)ps?|ftps?|wss?)(?::|\[:\])//[^\s<>\"'`]{1,2048}", re.IGNORECASE)),
    ("mail", re.compile(rf"[\w.%+-]{{1,64}}{_AT}{_LABEL}(?:{_DOT}{_LABEL}){{1,8}}", re.IGNORECASE)),
    ("address", re.compile(rf"(?<![\w.])(?:\d{{1,3}}{_DOT}){{3}}\d{{1,3}}(?!\w)", re.IGNORECASE)),
    ("address", re.compile(r"(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?!\w)", re.IGNORECASE)),
    ("host", re.compile(rf"(?<![\w.])(?:{_LABEL}{_DOT}){{1,8}}[a-z]{{2,24}}(?![\w])", re.IGNORECASE)),
    ("number", re.compile(r"(?<![\w.])\+?\d(?:[ ()/-]{0,2}\d){6,17}(?!\w)")),
)
_ORDINARY_SPACE: Final = frozenset("\n\t")


def shown_text(text: str, most_characters: int) -> str:
    """The text without identifiers and invisible characters, cut in its middle where it is longer than allowed."""
    bounded = _cut(text, 4 * most_characters)  # what is cut away later need not be searched
    visible = "".join(c for c in bounded if c in _ORDINARY_SPACE or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    for kind, pattern in _IDENTIFIERS:
        visible = pattern.sub(_namer(kind, {}), visible)
    # Servers that build one string of all messages mark their ends like this.
    return _cut(visible.replace("<|", "< |").replace("|>", "| >"), most_characters)


def _namer(kind: str, names: dict[str, str]) -> Callable[[re.Match[str]], str]:
    def name(match: re.Match[str]) -> str:
        if kind == "host" and match[0].lower().rpartition(".")[2] not in domain_list().known:
            return match[0]  # `os.path.join` is no host; one whose dots were defanged is none of code, and goes
        return names.setdefault(match[0].lower(), f"<{kind}-{len(names) + 1}>")

    return name


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    head = most * 3 // 4
    return f"{text[:head]}\n[… {len(text) - most} characters left out …]\n{text[len(text) - (most - head) :]}"
