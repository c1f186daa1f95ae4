"""Scores that somebody without this software would rank by, from the same traffic and the same detections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stormwatch.evaluate.outcome import Hits
from stormwatch.evaluate.ranking import Floats
from stormwatch.evaluate.seen import ADDRESS, Seen

Scores = Mapping[str, float]

# What more accounts share is a carrier's or an office's. Without the bound one component holds half a world; of 5, 10,
# 20 and 50 this one made the rule strongest on three development worlds, and a rule to beat should be at its best.
_MOST_HOLDERS: Final = 10


def shared_address(seen: Seen, _hits: Hits) -> Scores:
    """How few share the rarest address that an account shares: one over their number."""
    rarest: dict[str, float] = {}
    for (kind, _), held in seen.holders.items():
        if kind == ADDRESS and len(held) > 1:
            for account in held:
                rarest[account] = max(rarest.get(account, 0.0), 1 / len(held))
    return rarest


def indicator_match(_seen: Seen, hits: Hits) -> Scores:
    """How often an indicator matched, however good it is."""
    return {account: float(count) for account, count in hits.indicators.items()}


def loudest_prompt(_seen: Seen, hits: Hits) -> Scores:
    """The highest score that a rule gave to one of the account's prompts."""
    return hits.loudest


def component_hits(seen: Seen, hits: Hits) -> Scores:
    """Share of the accounts with a hit among those connected by an address, device, key or payment that few share."""
    accounts = sorted(seen.events.keys() | {account for held in seen.holders.values() for account in held})
    component = _components(accounts, seen)
    hit = np.array([account in hits.hit for account in accounts], dtype=np.float64)
    size: Floats = np.bincount(component).astype(np.float64)
    rates = np.where(size > 1, np.bincount(component, hit) / size, 0.0)
    return {account: float(rates[component[place]]) for place, account in enumerate(accounts)}


def _components(accounts: Sequence[str], seen: Seen) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    place = {account: number for number, account in enumerate(accounts)}
    starts: list[int] = []
    ends: list[int] = []
    for held in seen.holders.values():
        if len(held) <= _MOST_HOLDERS:
            first, *others = (place[account] for account in held)
            starts += [first] * len(others)
            ends += others
    graph = coo_array((np.ones(len(starts)), (starts, ends)), shape=(len(accounts), len(accounts)))
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = connected_components(graph, directed=False)[1]
    return found


NAIVE_RULES: Final[Mapping[str, Callable[[Seen, Hits], Scores]]] = {
    "shared-address": shared_address,
    "indicator-match": indicator_match,
    "loudest-prompt": loudest_prompt,
    "component-hits": component_hits,
}
