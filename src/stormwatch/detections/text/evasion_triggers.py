"""UTF-8 text to the kinds of disguise that may be in it: one cheap scan that on most texts sees none."""

from __future__ import annotations

from enum import Enum
from functools import cache
from typing import Any, Final

import hyperscan as hs


class Disguise(Enum):
    """How words are kept out of a rule's sight, in the order in which they are undone."""

    DIRECTION = "direction"
    HIDDEN = "hidden"
    MARKS = "marks"
    LOOK_ALIKES = "look-alikes"
    ENCODED = "encoded"
    SPLIT = "split"
    LEET = "leet"


_SIGN: Final = rb"[ ._*~|+/\n\-]"
_MARK: Final = rb"(?:\xcc[\x80-\xbf]|\xcd[\x80-\xaf]|\xe1\xaa[\xb0-\xbf]|\xe2\x83[\x90-\xb0])"
# How letters of Greek, Cyrillic, Armenian, Cherokee, Lisu and of phonetic writing begin in UTF-8.
_LEAD: Final = rb"(?:[\xc9\xca\xcd-\xd6]|\xe1[\x8e\x8f\xb4]|\xea[\x93\x9c])"
_OTHER: Final = rb"(?:[\xc9\xca\xcd-\xd6][\x80-\xbf]|\xe1[\x8e\x8f\xb4][\x80-\xbf]|\xea[\x93\x9c][\x80-\xbf])"

# What may be in any text, and what only in text outside ASCII. Each must see all that its step can undo.
_ANY: Final[tuple[tuple[bytes, Disguise], ...]] = (
    (rb"[A-Za-z0-9]{20}", Disguise.ENCODED),
    (rb"(?:[0-9a-f]{2}[ :,]?){8}", Disguise.ENCODED),
    (rb"\\x[0-9a-f]{2}", Disguise.ENCODED),
    (rb"(?:0x[0-9a-f]{2}[ ,]{0,2}){3}", Disguise.ENCODED),
    (rb"%[0-9a-f]{2}[^\s%]{0,40}%[0-9a-f]{2}", Disguise.ENCODED),
    (rb"\\u\{?[0-9a-f]{2}", Disguise.ENCODED),
    (rb"&#x?[0-9a-f]{2,6};", Disguise.ENCODED),
    (rb"\b[a-z](?:" + _SIGN + rb"{1,3}[a-z0-9]){2}" + _SIGN + rb"{1,3}[a-z0-9]\b", Disguise.SPLIT),
    (rb"[a-z]-\n[ \ta-z]", Disguise.SPLIT),
    (rb"[a-z][013457$]{1,3}[a-z]", Disguise.LEET),
    (rb"[a-z][@!|][a-z]{1,12}[^a-z0-9.@\-]", Disguise.LEET),
    (rb"\b[0134][a-z]{4}", Disguise.LEET),
    (rb"[a-z]{4}[3$]\b", Disguise.LEET),
)
_BEYOND_ASCII: Final[tuple[tuple[bytes, Disguise], ...]] = (
    (rb"[A-Za-z]" + _LEAD, Disguise.LOOK_ALIKES),
    (_OTHER + rb"[A-Za-z]", Disguise.LOOK_ALIKES),
    (rb"(?:\xe1\xb4[\x80-\xbf]|[\xc9\xca][\x80-\xbf]|\xea\x9c[\xb0-\xb1]){2}", Disguise.LOOK_ALIKES),
    (_MARK + rb"[^\xcc\xcd]{0,4}" + _MARK, Disguise.MARKS),
    (rb"(?:[\xc3-\xc8][\x80-\xbf]|\xc9[\x80-\x8f]|\xe1[\xb8-\xbb][\x80-\xbf]){4}", Disguise.MARKS),
    (rb"[\x80-\xbf]-\n", Disguise.SPLIT),
    (rb"(?:" + _SIGN + rb"(?:[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2})){3}", Disguise.SPLIT),
)
# What normalisation takes away and is therefore looked for before it.
_BEFORE: Final[tuple[tuple[bytes, Disguise], ...]] = (
    (rb"\xe2\x80\xae", Disguise.DIRECTION),
    (rb"(?:\xf3\xa0[\x80-\x81][\x80-\xbf]){8}", Disguise.HIDDEN),
    (rb"(?:\xef\xb8[\x80-\x8f]|\xf3\xa0[\x84-\x87][\x80-\xbf]){8}", Disguise.HIDDEN),
)


class _Triggers:
    """Some triggers compiled into one database."""

    def __init__(self, triggers: tuple[tuple[bytes, Disguise], ...]) -> None:
        self._disguises: Final = tuple(disguise for _, disguise in triggers)
        self._database: Final[Any] = hs.Database(mode=hs.HS_MODE_BLOCK)
        self._database.compile(
            expressions=[expression for expression, _ in triggers],
            ids=list(range(len(triggers))),
            elements=len(triggers),
            flags=[hs.HS_FLAG_CASELESS | hs.HS_FLAG_DOTALL | hs.HS_FLAG_SINGLEMATCH] * len(triggers),
        )

    def seen(self, content: bytes) -> frozenset[Disguise]:
        found: list[int] = []
        self._database.scan(content, match_event_handler=_collect, context=found)
        return frozenset(self._disguises[number] for number in found) if found else _NONE


_NONE: Final[frozenset[Disguise]] = frozenset()


def _collect(number: int, _start: int, _end: int, _flags: int, found: list[int]) -> None:
    found.append(number)


@cache
def _ascii_triggers() -> _Triggers:
    return _Triggers(_ANY)


@cache
def _all_triggers() -> _Triggers:
    return _Triggers(_ANY + _BEYOND_ASCII)


@cache
def _raw_triggers() -> _Triggers:
    return _Triggers(_BEFORE)


def disguises_in(content: bytes) -> frozenset[Disguise]:
    """The disguises that normalised text may hold, by its UTF-8."""
    return (_ascii_triggers() if content.isascii() else _all_triggers()).seen(content)


def disguises_before(content: bytes) -> frozenset[Disguise]:
    """The disguises of text outside ASCII that normalisation would take away, by the UTF-8 of the text as sent."""
    return _raw_triggers().seen(content)
