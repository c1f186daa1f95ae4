"""Texts of a case beside texts of others to the short phrases that set the case apart, by their log-odds."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.detections.text.normalise import normalise

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# What looks like an address, a name on the network or an account is an indicator's business, and may name a person.
_IDENTIFYING: Final = re.compile(r"\S*[@/\\\d_]\S*|\S+\.\S+")
_SENTENCE_END: Final = re.compile(r"[.!?;:\n,()\[\]{}\"]+")
_SIZES: Final = (2, 3)  # fewer words say nothing, more would quote somebody
_SHORTEST: Final = 8  # characters
_SMOOTHING: Final = 0.5
_LONGEST_TEXT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Phrase:
    """Two or three words, in how many of the case's requests and of others they stand, and the log2 odds of that."""

    words: str
    in_case: int
    elsewhere: int
    bits: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """One request's text and whose it was."""

    account_id: str
    text: str


def characteristic(
    case: Sequence[Spoken], others: Sequence[str], *, most: int, rarest_share: float, least_bits: float
) -> list[Phrase]:
    """At most `most` phrases, the most telling first.

    A phrase counts where two accounts of the case use it (three requests where the case has one account), and where at
    most `rarest_share` of the others' requests do. Phrases that share words with a better one are left out.
    """
    spread: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for said in case:
        for phrase in phrases_of(said.text):
            counts[phrase] += 1
            spread.setdefault(phrase, set()).add(said.account_id)
    single = len({said.account_id for said in case}) == 1
    common = {p for p, count in counts.items() if (count >= 3 if single else len(spread[p]) >= 2)}
    elsewhere: Counter[str] = Counter()
    for text in others:
        elsewhere.update(phrases_of(text) & common)
    rated = [
        Phrase(p, counts[p], elsewhere[p], _bits(counts[p], len(case), elsewhere[p], len(others)))
        for p in common
        if elsewhere[p] <= rarest_share * len(others)
    ]
    rated = [phrase for phrase in rated if phrase.bits >= least_bits]
    rated.sort(key=lambda phrase: (-phrase.bits, -phrase.in_case, phrase.words))
    return _apart(rated, most)


def phrases_of(text: str) -> set[str]:
    """The phrases that stand in a text: neighbouring words, lower case, nothing that looks like a name."""
    found: set[str] = set()
    for sentence in _SENTENCE_END.split(_IDENTIFYING.sub("\n", normalise(text[:_LONGEST_TEXT]))):
        for run in _without_names(sentence.split()):
            for size in _SIZES:
                neighbours = (" ".join(run[start : start + size]) for start in range(len(run) - size + 1))
                found.update(phrase for phrase in neighbours if len(phrase) >= _SHORTEST)
    return found


def _without_names(tokens: Sequence[str]) -> Iterator[list[str]]:
    """Runs of plain words. A capital inside a sentence is how a name is written, and ends a run, as does any sign."""
    run: list[str] = []
    for place, token in enumerate(tokens):
        plain = _WORD.fullmatch(token) is not None and (place == 0 or not token[:1].isupper())
        if plain:
            run.append(token.lower())
        else:
            yield run
            run = []
    yield run


def _bits(in_case: int, case: int, elsewhere: int, others: int) -> float:
    def logit(hits: int, total: int) -> float:
        return math.log2((hits + _SMOOTHING) / (total - hits + _SMOOTHING))

    return logit(in_case, case) - logit(elsewhere, others)


def _apart(rated: Iterable[Phrase], most: int) -> list[Phrase]:
    chosen: list[Phrase] = []
    for phrase in rated:
        words = set(phrase.words.split())
        if all(len(words & set(other.words.split())) < 2 for other in chosen):
            chosen.append(phrase)
        if len(chosen) == most:
            break
    return chosen
