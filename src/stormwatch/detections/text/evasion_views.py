"""A normalised text to further views of it: the same text with what looks like a disguise undone.

The text itself is never replaced: a rule that sees it sees it as before, and a view can only add what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from stormwatch.detections.text.confusables import latinised
from stormwatch.detections.text.disguised_letters import bare_letters
from stormwatch.detections.text.encoded_text import decoded
from stormwatch.detections.text.evasion_triggers import Disguise, disguises_before, disguises_in
from stormwatch.detections.text.hidden_text import as_displayed, hidden_text
from stormwatch.detections.text.leetspeak import read_as_words
from stormwatch.detections.text.split_words import joined

# A view may be longer than its text where hidden text is written out behind it; more than this is cut.
MOST_GROWTH: Final = 2

# The order in which disguises over one another come off; leetspeak, which has two readings, is the last.
_STEPS: Final[tuple[tuple[Disguise, Callable[[str], str]], ...]] = (
    (Disguise.MARKS, bare_letters),
    (Disguise.LOOK_ALIKES, latinised),
    (Disguise.ENCODED, decoded),
    (Disguise.SPLIT, joined),
)


@dataclass(frozen=True, slots=True)
class View:
    """One further reading of a text field, and the last disguise that was taken off for it."""

    text: str
    disguise: Disguise


def views_of(sent: str, normal: str, content: bytes, normalise: Callable[[str], str]) -> tuple[View, ...]:
    """The views of one text: as it was sent, normalised, and in the UTF-8 of the latter.

    Each step works on what the steps before it gave, so that disguises over one another come off too. At most eight
    views, none longer than twice the normalised text; none at all for ordinary text.
    """
    triggers = disguises_in(content)
    before = _NOTHING if sent.isascii() else disguises_before(sent.encode("utf-8", "replace"))
    if not triggers and not before:
        return ()
    limit = MOST_GROWTH * len(normal) + _SMALLEST_LIMIT
    return tuple(View(text[:limit], disguise) for text, disguise in _undo(sent, normal, before, triggers, normalise))


_NOTHING: Final[frozenset[Disguise]] = frozenset()
_SMALLEST_LIMIT: Final = 1_000


def _undo(
    sent: str,
    normal: str,
    before: frozenset[Disguise],
    triggers: frozenset[Disguise],
    normalise: Callable[[str], str],
) -> Iterator[tuple[str, Disguise]]:
    text = normal
    for disguise, raw in _before_normalising(sent, before):
        text = normalise(raw)
        triggers = disguises_in(text.encode("utf-8", "replace"))
        yield text, disguise
    for disguise, step in _STEPS:
        if disguise not in triggers:
            continue
        undone = normalise(step(text))
        if undone != text:
            text = undone
            triggers = disguises_in(text.encode("utf-8", "replace"))
            yield text, disguise
    if Disguise.LEET in triggers:
        for reading in read_as_words(text):
            yield reading, Disguise.LEET


def _before_normalising(sent: str, before: frozenset[Disguise]) -> Iterator[tuple[Disguise, str]]:
    if Disguise.DIRECTION in before:
        sent = as_displayed(sent)
        yield Disguise.DIRECTION, sent
    if Disguise.HIDDEN in before:
        yield Disguise.HIDDEN, f"{sent}\n{hidden_text(sent)}"
