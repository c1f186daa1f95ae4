"""From matches of an address that many share to whom its source means: whoever of them the rest speaks against."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.accounts.odds import log2_odds, probability_of
from stormwatch.model.evidence import Evidence

# An operator uses an address of its own with about half of its accounts (a guess, like every share of operators here).
_USED_BY_MEMBER: Final = 0.5
# Whoever the source means is as likely to be elsewhere altogether as to be among a provider's accounts.
_ELSEWHERE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A subject with what is known of it but for names: its accounts, their evidence and its risk."""

    subject_id: str
    account_ids: tuple[str, ...]
    evidence: Sequence[Evidence]
    risk: float


@dataclass(frozen=True, slots=True)
class Setting:
    """The population, the prior of one account, and how many of those behind a hostile address are its operator's."""

    population: int
    prior: float
    behind_an_address: float


def meant_by_sources(suspects: Sequence[Suspect], setting: Setting) -> Mapping[str, Mapping[str, float]]:
    """By subject and finding (a summary), how likely it is that the source means this subject (0 to 1).

    The source is believed as far as its match of one account and the number of accounts behind the address tell. If it
    is right, one of those behind the address is meant, and which one the rest of the evidence says: by Bayes' rule each
    counts by its risk, times how much likelier it is that so many of its accounts use the address if it is their
    operator's than if they pass through it as everybody does.
    """
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for finding, behind in _findings(suspects).items():
        accounts = sum(len(users) for _, users, _ in behind)
        if accounts <= setting.behind_an_address:
            continue
        rate = min(accounts / max(setting.population, 1), _USED_BY_MEMBER)
        weights = {suspect.subject_id: _weight(suspect, len(users), rate) for suspect, users, _ in behind}
        whole = _ELSEWHERE + sum(weights.values())
        for suspect, _, bits in behind:
            believed = probability_of(log2_odds(setting.prior) + bits) * accounts / setting.behind_an_address
            found[suspect.subject_id][finding] = min(believed, 1.0) * weights[suspect.subject_id] / whole
    return found


def _findings(suspects: Sequence[Suspect]) -> Mapping[str, Sequence[tuple[Suspect, frozenset[str], float]]]:
    """By finding that names one actor: whom it is about, with which accounts, and the bits of its strongest match."""
    found: dict[str, list[tuple[Suspect, frozenset[str], float]]] = defaultdict(list)
    for suspect in suspects:
        by_finding: dict[str, list[Evidence]] = defaultdict(list)
        for piece in suspect.evidence:
            if len(piece.actors) == 1 and piece.weight_bits > 0:
                by_finding[piece.summary].append(piece)
        for finding, pieces in by_finding.items():
            users = frozenset(piece.account_id for piece in pieces)
            found[finding].append((suspect, users, max(piece.weight_bits for piece in pieces)))
    return found


def _weight(suspect: Suspect, users: int, rate: float) -> float:
    """Risk times the likelihood ratio of so many of the accounts using the address: its operator's, or anybody's.

    All of them speak for no more than one does, because the address may be what they were linked by.
    """
    of_one = math.log(_USED_BY_MEMBER / rate)
    others = len(suspect.account_ids) - users
    log_ratio = users * of_one + others * math.log((1 - _USED_BY_MEMBER) / (1 - rate))
    return suspect.risk * math.exp(min(log_ratio, of_one))
