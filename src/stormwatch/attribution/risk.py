"""How likely it is that a subject is not benign, from evidence of conduct and links alone, and since when."""

from __future__ import annotations

from collections.abc import Sequence

from stormwatch.accounts.odds import log2_odds, probability_of
from stormwatch.attribution.cluster_evidence import leading_pieces
from stormwatch.model.evidence import Evidence


def risk_of(evidence: Sequence[Evidence], prior: float) -> float:
    """1 - P(benign): prior odds and the strongest piece of each independence group, added in bits."""
    return probability_of(log2_odds(prior) + sum(piece.weight_bits for piece in leading_pieces(evidence)))


def flagged_time(evidence: Sequence[Evidence], prior: float, threshold: float) -> int | None:
    """The event time of the piece that took the risk over the threshold, or None when it stayed below."""
    so_far: list[Evidence] = []
    for piece in sorted(evidence, key=lambda piece: piece.event_time_us):
        so_far.append(piece)
        if risk_of(so_far, prior) >= threshold:
            return piece.event_time_us
    return None
