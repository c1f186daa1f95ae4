"""How likely it is that a subject is not benign, from evidence of conduct and links alone, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stormwatch.accounts.odds import log2_odds, probability_of
from stormwatch.attribution.base_rates import BaseRates
from stormwatch.attribution.cluster_evidence import leading_pieces
from stormwatch.attribution.speaking import bits_of_risk
from stormwatch.model.evidence import Evidence

# Groups that may order the queue and never fill it: no case opens that would not have opened without them.
ADVISORY_GROUPS: Final = frozenset({"judge"})
_JUST_BELOW: Final = 1 - 1e-9


def risk_of(evidence: Sequence[Evidence], prior: float, rates: BaseRates, accounts: int = 1) -> float:
    """1 - P(benign) of a subject of so many accounts.

    Prior odds and the strongest piece of each independence group, added in bits; pieces that speak for one explanation
    alone raise the odds of that one (speaking.py).
    """
    general = (piece for piece in evidence if piece.kind not in rates.speaks_for)
    bits = sum(piece.weight_bits for piece in leading_pieces(list(general)))
    return probability_of(log2_odds(prior) + bits + bits_of_risk(evidence, rates, accounts))


def decided_risk(
    evidence: Sequence[Evidence], prior: float, threshold: float, rates: BaseRates, accounts: int = 1
) -> float:
    """The risk of all evidence; below the threshold it stays below where only an advisory group would lift it over."""
    risk = risk_of(evidence, prior, rates, accounts)
    if risk >= threshold > risk_of(_deciding(evidence), prior, rates, accounts):
        return threshold * _JUST_BELOW
    return risk


def flagged_time(
    evidence: Sequence[Evidence], prior: float, threshold: float, rates: BaseRates, accounts: int = 1
) -> int | None:
    """The event time of the piece that took the risk over the threshold, or None when it stayed below."""
    so_far: list[Evidence] = []
    for piece in sorted(_deciding(evidence), key=lambda piece: piece.event_time_us):
        so_far.append(piece)
        if risk_of(so_far, prior, rates, accounts) >= threshold:
            return piece.event_time_us
    return None


def _deciding(evidence: Sequence[Evidence]) -> list[Evidence]:
    return [piece for piece in evidence if piece.group not in ADVISORY_GROUPS]
