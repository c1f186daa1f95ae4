"""Texts to the sentences in them that put a likelihood and a confidence together, or mix the rows of ICD 203.

ICD 203 (2015), D.6.e.(2): a degree of likelihood speaks of the world, a confidence level of the ground of a judgement;
in one sentence readers take the one for the other.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from stormwatch.model.icd_203 import likelihood_ranges

# A blank line, an indented or marked line, a heading, a quotation, a table row: what stands there begins anew.
_NEW_BLOCK: Final = re.compile(r"\n(?=[ \t]*\n|[ \t]+\S|[-*+#>|]|\d+[.)]\s)")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|[。！？]|\s\|\s|\t")
_ABBREVIATION: Final = re.compile(r"\b(?:e\.g|i\.e|cf|vs|approx|no|fig|sec|ca)\.$", re.IGNORECASE)
_BLOCK_TAG: Final = re.compile(
    r"</?(?:address|article|aside|caption|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|header|"
    r"label|legend|li|main|nav|ol|option|p|pre|section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul|br|hr)\b[^>]*>",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"<[^<>]*>")
_CODE: Final = re.compile(r"<(script|style)\b.*?</\1>", re.IGNORECASE | re.DOTALL)
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
# A statistical confidence interval is no judgement of an analyst's.
_CONFIDENCE: Final = re.compile(r"\b(?:confidence(?![ -](?:interval|band|bound|limit)s?\b)|confident(?:ly)?)\b")
_CHANCE: Final = r"\d+(?:[.,]\d+)? ?(?:%|per ?cent)[ -](?:chance|likelihood|probability|sure|certain)"
_ADVERBS: Final = ("probably", "remote chance", "even odds", "even chance")


class Fault(StrEnum):
    """What is wrong with a sentence."""

    LIKELIHOOD_WITH_CONFIDENCE = "likelihood and confidence in one sentence"
    MIXED_ROWS = "expressions of both rows of ICD 203 in one sentence"


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence at fault: the line (from 1) on which it begins, and the expressions that clash."""

    line: int
    sentence: str
    fault: Fault
    expressions: tuple[str, str]

    def told(self) -> str:
        """What is wrong, as people read it."""
        first, second = self.expressions
        return f"line {self.line}: {self.fault.value} (“{first}”, “{second}”): {self.sentence}"


def faults(text: str) -> Iterator[Finding]:
    """The sentences of a plain or Markdown text that are at fault."""
    yield from (found for line, sentence in _sentences(text) if (found := _fault(line, sentence)) is not None)


def faults_in_html(page: str) -> Iterator[Finding]:
    """The same of a page: every block and every cell is a text of its own; lines are those of the page's source."""
    yield from faults(text_of_html(page))


def text_of_html(page: str) -> str:
    """What a page says, on the lines on which it says it; blocks are parted by tabs, which end a sentence."""
    bare = _CODE.sub(lambda found: "\n" * found[0].count("\n"), page)
    bare = _TAG.sub("", _BLOCK_TAG.sub(lambda found: "\t" + "\n" * found[0].count("\n"), bare))
    return "\n".join(line.strip(" ") for line in html.unescape(bare).split("\n"))


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for end in (*(found.start() for found in _NEW_BLOCK.finditer(text)), len(text)):
        yield from _in_block(text, start, end)
        start = end


def _in_block(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    begin = start
    ends = [
        found
        for found in _SENTENCE_END.finditer(text, start, end)
        if not _ABBREVIATION.search(text[begin : found.start()])
    ]
    for stop, following in (*((found.start(), found.end()) for found in ends), (end, end)):
        sentence = " ".join(text[begin:stop].split())
        if sentence:
            blank = len(text[begin:stop]) - len(text[begin:stop].lstrip())
            yield text.count("\n", 0, begin + blank) + 1, sentence
        begin = following


def _fault(line: int, sentence: str) -> Finding | None:
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", sentence)).casefold()
    confidence = _CONFIDENCE.search(plain)
    rows = [pattern.search(plain) for pattern in _likelihoods()]
    likelihood = next((found for found in rows if found is not None), None)
    if confidence is not None and likelihood is not None:
        return Finding(line, sentence, Fault.LIKELIHOOD_WITH_CONFIDENCE, (likelihood[0], confidence[0]))
    first, second = rows[:2]
    if first is not None and second is not None:
        return Finding(line, sentence, Fault.MIXED_ROWS, (first[0], second[0]))
    return None


@cache
def _likelihoods() -> Sequence[re.Pattern[str]]:
    """The expressions of the first row, of the second, and others that tell a likelihood."""
    first = [one.words for one in likelihood_ranges()]
    # `remote` alone is an everyday word here (remote hosts, remote work); as a likelihood it stands with `chance`.
    second = [one.also for one in likelihood_ranges() if one.also != "remote"]
    return (_any_of(first), _any_of(second), re.compile(rf"\b(?:{'|'.join(_ADVERBS)})\b|\b{_CHANCE}\b"))


def _any_of(expressions: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(expressions, key=len, reverse=True)
    return re.compile(rf"(?<!-)\b(?:{'|'.join(re.escape(one) for one in longest_first)})\b")
