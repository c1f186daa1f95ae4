"""Turns probabilities, weights and frequencies into words; numbers of a likelihood show only once it is calibrated."""

from __future__ import annotations

import math
from typing import Final

from stormwatch.model.icd_203 import likelihood_words
from stormwatch.model.times import DAY, day_of, format_rfc3339, now_us, span_words
from stormwatch.stix.techniques import llm_techniques

SIMULATED: Final = "simulated worlds"

# Jeffreys, Theory of Probability, appendix B: half powers of ten of the likelihood ratio, here in bits. His highest
# grade, decisive, is not used: no single piece decides here.
_WEIGHTS: Final = ((1.66, "slight"), (3.32, "moderate"), (4.98, "strong"))
_STRONGEST: Final = "very strong"
_WHOLE_PER_CENTS: Final = 0.095  # from here on a share is told in whole per cents
_STRONG_PIECE: Final = _WEIGHTS[-1][0]
_LINK_PARTS: Final = ((1.0, "enough alone"), (0.5, "more than half"), (0.2, "a part"))
_LINK_BANDS: Final = ((0.20, "faint"), (0.55, "weak"), (0.80, "likely"))


def likelihood(probability: float, calibrated_on: str) -> str:
    """ICD 203 words; the number joins them only where it was calibrated on real cases."""
    words = likelihood_words(min(max(probability, 0.0), 1.0))
    return words if calibrated_on == SIMULATED else f"{words} ({probability:.0%})"


def weight(bits: float) -> str:
    """How much one piece of evidence moves the odds, after Jeffreys; `bits` is a log2 likelihood ratio."""
    strength = next((words for bound, words in _WEIGHTS if abs(bits) < bound), _STRONGEST)
    return strength if bits >= 0 else f"{strength}, against"


def weight_step(bits: float) -> int:
    """1 (slight) to 4 (very strong), for the bar beside the word."""
    return 1 + sum(abs(bits) >= bound for bound, _ in _WEIGHTS)


def link_part(bits: float, match_weight: float, probability: float) -> str:
    """How much one shared identifier carries of what a link needs: to outweigh that most pairs are two operators.

    What is needed are the bits of the prior odds, which a link's match weight and probability tell.
    """
    needed = match_weight - log_odds(probability)
    share = bits / needed if needed > 0 else 1.0
    return next((words for bound, words in _LINK_PARTS if share >= bound), "little")


def link_band(probability: float) -> str:
    """A class name for how firm a link is: faint, weak, likely or firm."""
    return next((name for bound, name in _LINK_BANDS if probability <= bound), "firm")


def frequency(share: float) -> str:
    """How common something is among innocent accounts, from a share of 0 to 1."""
    if share <= 0:
        return "too rare to measure"
    if share >= 0.095:
        return f"{share:.0%} of accounts"
    return f"about 1 in {_rounded(1 / share):,} accounts"


def log_odds(probability: float) -> float:
    """The odds of a probability in bits, bounded so that certainty stays a number."""
    bounded = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log2(bounded / (1 - bounded))


def distance(probability: float, threshold: float) -> str:
    """How far a likelihood lies below a threshold, measured in evidence that would close the gap."""
    gap = log_odds(threshold) - log_odds(probability)
    if gap <= 0:
        return "at or above the threshold"
    pieces = math.ceil(gap / _STRONG_PIECE)
    if pieces > 1:
        return f"about {pieces} strong, independent pieces of evidence below the threshold"
    return f"one {weight(gap)}, independent piece of evidence below the threshold"


def moment(time_us: int | None) -> str:
    """A time as people read it, UTC to the second."""
    if time_us is None:
        return "—"
    return format_rfc3339(time_us)[:19].replace("T", " ") + " UTC"


def machine_moment(time_us: int) -> str:
    """A time for the `datetime` attribute."""
    return format_rfc3339(time_us)


def left(time_us: int) -> str:
    """How long it is until a moment, as on a clock that runs down."""
    return span_words(time_us - now_us())


def day(number: int) -> str:
    """A day of the calendar from days since the epoch."""
    return day_of(number * DAY)


def moment_day(time_us: int) -> str:
    """The day of a time, UTC."""
    return day_of(time_us)


def share(part: float) -> str:
    """A share of 0 to 1 in per cent; a small one is not told as nothing."""
    if 0 < part < 0.0001:
        return "under 0.01%"
    return f"{part:.0%}" if part >= _WHOLE_PER_CENTS else f"{part:.2%}"


def technique_name(technique_id: str) -> str:
    """What a technique of our own vocabulary is called; empty for one of another's."""
    known = llm_techniques().get(technique_id)
    return known.name if known else ""


def _rounded(number: float) -> int:
    scale = int(10 ** max(math.floor(math.log10(number)) - 1, 0))
    return round(number / scale) * scale
