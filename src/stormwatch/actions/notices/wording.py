"""Templates and values into the words of a notice: values are filled in once and never read as templates again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template
from typing import Final

from stormwatch.actions.notices.languages import FALLBACK, Language, load_languages
from stormwatch.model.notice import NoticeKind, NoticeWords
from stormwatch.model.times import from_us

# Stand for what is known only when a notice leaves. Filled-in values hold no control characters, so none can forge one.
CODE_MARK: Final = "\x02code\x03"
DEADLINE_MARK: Final = "\x02deadline\x03"

_LONGEST_VALUE: Final = 2_000
_BESIDE: Final = "\n----------------------------------------\n\n"
# Joins letters in Persian and in scripts of India; the other characters without width only deceive.
_JOINERS: Final = "\u200c\u200d"


def printable(value: str, *, lines: bool = False) -> str:
    """A value as it may stand in a notice: what steers a display becomes a mark, breaks of lines too unless allowed."""
    kept = "".join(_shown(character, lines=lines) for character in value.strip()[:_LONGEST_VALUE])
    return kept.strip()


def moment(time_us: int) -> str:
    """A time as every language reads it."""
    return from_us(time_us).strftime("%Y-%m-%d %H:%M UTC")


def words_of(
    kind: NoticeKind, language: Language, recipient: str, values: Mapping[str, Mapping[str, str]]
) -> NoticeWords:
    """The words of a notice; beside another language stands English. `values` are those of each language by its code.

    Values must be `printable` or marks of this file.
    """
    parts = [_filled(language.texts[kind], values[language.code])]
    if language.code != FALLBACK:
        parts.append(_filled(load_languages()[FALLBACK].texts[kind], values[FALLBACK]))
    return NoticeWords(printable(recipient), language.subjects[kind], _BESIDE.join(parts), language.direction)


def spoken(language: Language) -> tuple[Language, ...]:
    """The languages that a notice is written in: its own, and English beside it."""
    return (language,) if language.code == FALLBACK else (language, load_languages()[FALLBACK])


def with_marks(words: NoticeWords, code: str, deadline: str) -> NoticeWords:
    """The words with what was left open."""
    text = words.text.replace(CODE_MARK, code).replace(DEADLINE_MARK, deadline)
    return NoticeWords(words.recipient, words.subject, text, words.direction)


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", Template(template).substitute(values))


def _shown(character: str, *, lines: bool) -> str:
    if character.isprintable() or character in _JOINERS or (lines and character == "\n"):
        return character
    return " " if character in "\t\r\n" else "\ufffd"
