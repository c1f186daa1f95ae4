"""Evidence that speaks for one residual explanation: how many bits each gets, and what that does to the risk."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from stormwatch.attribution.base_rates import BaseRates
from stormwatch.attribution.cluster_evidence import leading_pieces
from stormwatch.model.assessment import COMPROMISED_ACCOUNT, NON_STATE_ABUSE
from stormwatch.model.evidence import Evidence


def spoken_bits(
    evidence: Sequence[Evidence], rates: BaseRates, accounts: int, *, raising_only: bool
) -> Mapping[str, float]:
    """Bits by explanation, over a subject of so many accounts.

    An explanation is of the subject as a whole, so a piece counts only where half of the accounts show one that speaks
    for the same.
    """
    speaking = [piece for piece in evidence if piece.kind in rates.speaks_for]
    showing: dict[str, set[str]] = defaultdict(set)
    for piece in speaking:
        showing[rates.speaks_for[piece.kind].hypothesis].add(piece.account_id)
    bits: dict[str, float] = defaultdict(float)
    for piece in leading_pieces(speaking):
        speaks = rates.speaks_for[piece.kind]
        shared = 2 * len(showing[speaks.hypothesis]) >= accounts
        if shared and (speaks.raises_risk or not raising_only):
            bits[speaks.hypothesis] += min(piece.weight_bits, speaks.cap_bits)
    return bits


def bits_of_risk(evidence: Sequence[Evidence], rates: BaseRates, accounts: int) -> float:
    """What such evidence adds to the log odds that a subject is not benign: the explanations' odds, added up.

    Base rates alone share the odds out here, never what fits a profile, so that no habit can change a risk.
    """
    base = rates.base_rates
    shares = {NON_STATE_ABUSE: base.non_state_abuse, COMPROMISED_ACCOUNT: base.compromised_account}
    bits = spoken_bits(evidence, rates, accounts, raising_only=True)
    return math.log2(1.0 + sum(shares[name] * (math.exp2(found) - 1.0) for name, found in bits.items()))
