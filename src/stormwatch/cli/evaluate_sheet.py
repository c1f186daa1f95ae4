"""Score cards as a sheet of prose and columns for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from stormwatch.evaluate.evaluation import Evaluation
from stormwatch.evaluate.scorecard import ScoreCard

# Field of the headline -> what people read, in the order of the sheet.
_WORDS = {
    "recall_1_in_10000": "planted accounts found at 1 false accusation in 10,000",
    "recall_1_in_1000": "the same at 1 in 1,000",
    "linkable_recall_1_in_10000": "of those that can be linked, at 1 in 10,000",
    "linkable_recall_1_in_1000": "the same at 1 in 1,000",
    "average_precision": "average precision (area under precision-recall)",
    "best_naive_average_precision": "that of the best naive rule",
    "average_precision_ratio": "ratio of the two",
    "pair_precision": "pairs: precision",
    "pair_recall": "pairs: recall",
    "pair_f1": "pairs: F1",
    "campaigns_reached": "campaigns with an account over the threshold",
    "right_first": "of these: right answer first, per campaign",
    "right_first_by_account": "the same, per account",
    "unknown_recall": "unknown actors called unknown",
    "log_score": "log score of the right answer, bits",
    "base_rate_log_score": "that of the base rates, bits",
    "log_score_gain": "gain over the base rates, bits",
    "log_score_gain_by_account": "the same, per account",
    "imitated_probability": "probability of an imitated actor",
    "flagged_within_30": "campaigns flagged within 30 events",
    "flagged_within_100": "campaigns flagged within 100 events",
    "median_events_until_flagged": "events until flagged, median",
}


def evaluation_sheet(found: Evaluation) -> str:
    """The sheet: each world, then all of them together."""
    cards = [*found.cards, *([found.pooled] if found.pooled else [])]
    closing = "These are made-up worlds: compare versions with them, and expect other figures in the field."
    return "\n".join([*(line for card in cards for line in (*_card(card), "")), closing])


def _card(card: ScoreCard) -> Iterator[str]:
    counts = card.counts
    yield (
        f"{card.name}: {counts.planted} planted accounts in {counts.campaigns} campaigns, "
        f"{counts.innocents} innocents, {counts.non_state} abusers without a state"
    )
    yield (
        f"  over the case threshold: {counts.planted_over_threshold} planted, "
        f"{counts.innocents_over_threshold} innocents, {counts.non_state_over_threshold} abusers without a state"
    )
    yield (
        f"  1 in 10,000 allows {counts.allowed_1_in_10000} false accusations here, "
        f"1 in 1,000 allows {counts.allowed_1_in_1000}"
    )
    yield f"  figures, with 95 % intervals from drawing {card.resampled} again:"
    for name, words in _WORDS.items():
        interval = card.intervals.get(name)
        between = f"  [{_number(interval.low)}, {_number(interval.high)}]" if interval else ""
        yield f"    {words:<56}{_number(getattr(card.figures, name)):>8}{between}"
    yield (
        f"  clusters: {counts.clusters}, of which {counts.clusters_merging_campaigns} merge campaigns; "
        f"groups of look-alikes convicted: {counts.confounder_groups_convicted} of {counts.confounder_groups}, "
        f"{counts.confounder_groups_convicted_whole} of them whole"
    )
    yield "  naive rules (recall at 1 in 10,000, at 1 in 1,000, average precision):"
    for row in card.naive:
        numbers = (row.recall_1_in_10000, row.recall_1_in_1000, row.average_precision)
        yield f"    {row.rule:<20}" + "".join(f"{_number(number):>8}" for number in numbers)
    yield "  kinds with anybody over the threshold (accounts, over it, mean and highest risk):"
    for kind in card.kinds:
        if kind.over_threshold:
            yield (
                f"    {kind.category + '/' + kind.kind:<40}{kind.accounts:>6}{kind.over_threshold:>6}"
                f"{kind.mean_risk:>8.3f}{kind.highest_risk:>8.3f}"
            )
    for words, told in (("risk", card.risk_reliability), ("hypotheses", card.hypothesis_reliability)):
        yield (
            f"  calibration of {words}: Brier {_number(told.brier)}, error {_number(told.calibration_error)} "
            f"over {told.statements} statements"
        )
    if card.cost is not None:
        ingest = "not repeated" if card.cost.ingest_seconds is None else f"{card.cost.ingest_seconds:.1f} s"
        yield (
            f"  cost: ingest {ingest}, hunt {card.cost.hunt_seconds:.1f} s, "
            f"at most {card.cost.peak_megabytes:.0f} MB of memory"
        )


def _number(value: float | None) -> str:
    return "-" if value is None else "never" if math.isinf(value) else f"{value:.3f}"
