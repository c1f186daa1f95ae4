"""Names of figures and counts, and numbers, in the words that people read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from stormwatch.evaluate.swap import Swap

# Field of the headline -> its words, in the order in which they are told.
FIGURES: Final[Mapping[str, str]] = {
    "recall_1_in_10000": "planted accounts found at 1 false accusation in 10,000",
    "recall_1_in_1000": "the same at 1 in 1,000",
    "linkable_recall_1_in_10000": "of those that can be linked, at 1 in 10,000",
    "linkable_recall_1_in_1000": "of those that can be linked, at 1 in 1,000",
    "average_precision": "average precision (area under precision-recall)",
    "best_naive_average_precision": "average precision of the best naive rule",
    "average_precision_ratio": "ratio of the two",
    "pair_precision": "pairs joined that are of one campaign (precision)",
    "pair_recall": "pairs of one campaign that are joined (recall)",
    "pair_f1": "F1 of the two",
    "campaigns_reached": "campaigns with an account over the threshold",
    "right_first": "of these: right answer first, per campaign",
    "right_first_by_account": "of these: right answer first, per account",
    "unknown_recall": "of these: unknown actors called unknown",
    "log_score": "log score of the right answer, bits",
    "base_rate_log_score": "log score of the base rates, bits",
    "log_score_gain": "gain over the base rates, bits, per campaign",
    "log_score_gain_by_account": "gain over the base rates, bits, per account",
    "imitated_probability": "probability of an imitated actor",
    "flagged_within_30": "campaigns flagged within 30 events",
    "flagged_within_100": "campaigns flagged within 100 events",
    "median_events_until_flagged": "events until flagged, median",
}

COUNTS: Final[Mapping[str, str]] = {
    "planted": "planted accounts",
    "planted_over_threshold": "planted accounts over the case threshold",
    "innocents": "innocent accounts",
    "innocents_over_threshold": "innocent accounts over the case threshold",
    "non_state": "abusers without a state",
    "non_state_over_threshold": "abusers without a state over the case threshold",
    "victims_recognised": "holders of stolen keys over the threshold and told to be victims",
    "allowed_1_in_10000": "false accusations that 1 in 10,000 allows",
    "allowed_1_in_1000": "false accusations that 1 in 1,000 allows",
    "campaigns": "campaigns",
    "clusters": "clusters",
    "clusters_merging_campaigns": "clusters that merge campaigns",
    "confounder_groups": "groups of look-alikes",
    "confounder_groups_convicted": "groups of look-alikes with anybody accused",
    "confounder_groups_convicted_whole": "groups of look-alikes accused whole",
}


def number_words(value: float | None) -> str:
    """A figure to three digits; `-` for none, `never` for infinite."""
    if value is None:
        return "-"
    return "never" if math.isinf(value) else f"{value:.3f}"


def swap_words(swap: Swap) -> str:
    """What became of risks when accounts were given other countries and hours."""
    return (
        f"{swap.swapped} accounts with other countries and hours: the risk of {swap.swapped_changed} of them and of "
        f"{swap.others_changed} others changed, at most by {swap.largest_change:.4f}; "
        f"{swap.crossed_threshold} crossed the case threshold"
    )
