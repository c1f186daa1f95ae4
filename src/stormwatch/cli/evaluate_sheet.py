"""Score cards as a sheet of prose and columns for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stormwatch.evaluate.comparison import Change
from stormwatch.evaluate.evaluation import Evaluation
from stormwatch.evaluate.scorecard import ScoreCard
from stormwatch.evaluate.wording import COUNTS, FIGURES, number_words, swap_words


def evaluation_sheet(found: Evaluation) -> str:
    """The sheet: each world, then all of them together."""
    closing = "These are made-up worlds: compare versions with them, and expect other figures in the field."
    return "\n".join([*(line for card in found.all_cards for line in (*_card(card), "")), closing])


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
    for name, words in FIGURES.items():
        interval = card.intervals.get(name)
        between = f"  [{number_words(interval.low)}, {number_words(interval.high)}]" if interval else ""
        yield f"    {words:<56}{number_words(getattr(card.figures, name)):>8}{between}"
    yield (
        f"  clusters: {counts.clusters}, of which {counts.clusters_merging_campaigns} merge campaigns; "
        f"groups of look-alikes convicted: {counts.confounder_groups_convicted} of {counts.confounder_groups}, "
        f"{counts.confounder_groups_convicted_whole} of them whole"
    )
    yield "  naive rules (recall at 1 in 10,000, at 1 in 1,000, average precision):"
    for row in card.naive:
        numbers = (row.recall_1_in_10000, row.recall_1_in_1000, row.average_precision)
        yield f"    {row.rule:<20}" + "".join(f"{number_words(number):>8}" for number in numbers)
    yield "  kinds with anybody over the threshold (accounts, over it, mean and highest risk):"
    for kind in card.kinds:
        if kind.over_threshold:
            yield (
                f"    {kind.category + '/' + kind.kind:<40}{kind.accounts:>6}{kind.over_threshold:>6}"
                f"{kind.mean_risk:>8.3f}{kind.highest_risk:>8.3f}"
            )
    for words, told in (("risk", card.risk_reliability), ("hypotheses", card.hypothesis_reliability)):
        yield (
            f"  calibration of {words}: Brier {number_words(told.brier)}, error {number_words(told.calibration_error)} "
            f"over {told.statements} statements"
        )
    if card.swap is not None:
        yield f"  {swap_words(card.swap)}"
    if card.cost is not None:
        ingest = "not repeated" if card.cost.ingest_seconds is None else f"{card.cost.ingest_seconds:.1f} s"
        yield (
            f"  cost: ingest {ingest}, hunt {card.cost.hunt_seconds:.1f} s, "
            f"at most {card.cost.peak_megabytes:.0f} MB of memory"
        )


def change_sheet(found: Sequence[Change]) -> str:
    """What differs from an earlier evaluation, a line each; figures that are as they were are left out."""
    if not found:
        return "Nothing differs from the earlier evaluation of these worlds."
    words = {**COUNTS, **FIGURES}
    lines = (
        f"  {change.world}: {words[change.figure]}: "
        f"{number_words(change.before)} before, {number_words(change.now)} now"
        for change in found
    )
    return "\n".join(["Differs from the earlier evaluation:", *lines])
