"""Scores that somebody without this software would rank by, from the same traffic and the same detections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stormwatch.evaluate.outcome import Hits
from stormwatch.evaluate.seen import ADDRESS, Seen

Scores = Mapping[str, float]


def shared_address(seen: Seen, _hits: Hits) -> Scores:
    """With how many others an account shares its most shared address."""
    most: dict[str, float] = {}
    for (kind, _), held in seen.holders.items():
        if kind == ADDRESS:
            for account in held:
                most[account] = max(most.get(account, 0.0), len(held) - 1.0)
    return most


def indicator_match(_seen: Seen, hits: Hits) -> Scores:
    """How often an indicator matched, however good it is."""
    return {account: float(count) for account, count in hits.indicators.items()}


def loudest_prompt(_seen: Seen, hits: Hits) -> Scores:
    """The highest score that a rule gave to one of the account's prompts."""
    return hits.loudest


def component_hits(seen: Seen, hits: Hits) -> Scores:
    """Share of the events with a hit among all accounts that are connected by anything shared, whatever it is."""
    accounts = sorted(seen.events.keys() | {account for held in seen.holders.values() for account in held})
    component = _components(accounts, seen)
    known = np.array([seen.events.get(account, 0) for account in accounts], dtype=np.float64)
    hit = np.array([hits.hit_events.get(account, 0) for account in accounts], dtype=np.float64)
    events, found = np.bincount(component, known), np.bincount(component, hit)
    rates = found / np.maximum(events, 1.0)
    return {account: float(rates[component[place]]) for place, account in enumerate(accounts)}


def _components(accounts: Sequence[str], seen: Seen) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    place = {account: number for number, account in enumerate(accounts)}
    starts, ends = [], []
    for held in seen.holders.values():
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
