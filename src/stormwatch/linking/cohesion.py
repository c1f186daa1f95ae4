"""From links to groups of accounts: merged from the closest pair up, and only while the two parts hold together."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence

from stormwatch.linking.comparisons import Comparisons
from stormwatch.model.evidence import Link


def cohesive_groups(links: Sequence[Link], comparisons: Comparisons) -> Sequence[tuple[str, ...]]:
    """Groups of two or more accounts, in order; each account is in one group at most.

    Agglomerative clustering with average linkage (Sokal and Michener, 1958) over the match weights, pairs that share
    nothing counted as 0: the two groups that are closest on average merge first, as long as that average comes to
    `cohesion_bits`, some pair between them is a link, and the whole is no larger than `largest_cluster`. So one
    coincidence between two groups joins nobody, and a chain of coincidences does not reach its far end.
    """
    groups = _Groups(links, comparisons)
    while groups.merge_closest():
        pass
    return sorted(groups.found())


class _Groups:
    """The groups while they grow, the weights between them, and a queue of the pairs that may merge."""

    def __init__(self, links: Sequence[Link], comparisons: Comparisons) -> None:
        self._settings = comparisons
        self._members: dict[str, list[str]] = {}
        # Of each group: weight and whether a pair is a link, by group that it shares anything with.
        self._between: dict[str, dict[str, tuple[float, bool]]] = defaultdict(dict)
        for link in links:
            one, other = link.account_id_a, link.account_id_b
            held = link.match_weight, link.probability >= comparisons.link_probability
            self._between[one][other] = self._between[other][one] = held
            self._members[one], self._members[other] = [one], [other]
        self._queue: list[tuple[float, str, str, int]] = []
        for one in sorted(self._members):
            for other in self._between[one]:
                if one < other:
                    self._queue_pair(one, other)

    def merge_closest(self) -> bool:
        """Merges the two groups that are closest; False where none are close enough."""
        while self._queue:
            _, one, other, size = heapq.heappop(self._queue)
            # What was queued before either group grew is out of date; its successor is in the queue.
            if one in self._members and other in self._members and self._size(one, other) == size:
                self._merge(one, other)
                return True
        return False

    def found(self) -> Iterator[tuple[str, ...]]:
        """The groups of two or more."""
        return (tuple(sorted(members)) for members in self._members.values() if len(members) > 1)

    def _size(self, one: str, other: str) -> int:
        return len(self._members[one]) + len(self._members[other])

    def _queue_pair(self, one: str, other: str) -> None:
        weight, linked = self._between[one][other]
        average = weight / (len(self._members[one]) * len(self._members[other]))
        size = self._size(one, other)
        if linked and average >= self._settings.cohesion_bits and size <= self._settings.largest_cluster:
            # A group goes by its first account, so that equal averages merge in an order of their own.
            first, second = sorted((one, other))
            heapq.heappush(self._queue, (-average, first, second, size))

    def _merge(self, one: str, other: str) -> None:
        into, gone = sorted((one, other))
        self._members[into] += self._members.pop(gone)
        for third, (weight, linked) in self._between.pop(gone).items():
            del self._between[third][gone]
            if third == into:
                continue
            more, also = self._between[into].get(third, (0.0, False))
            self._between[into][third] = self._between[third][into] = (weight + more, linked or also)
        for third in self._between[into]:
            self._queue_pair(into, third)
