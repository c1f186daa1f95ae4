"""Which of many distinct values some indicator speaks of: whole columns at once, so that the rest is never looked up.

The answer is that of the index's look-ups, value by value; a property test holds the two together.
"""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.detections.indicators.indicator_index import IndicatorIndex
from stormwatch.detections.indicators.ipv4_text import ipv4_numbers
from stormwatch.model.observable import Observable, ObservableKind

Mask = npt.NDArray[np.bool_]
_ADDRESSES: Final = frozenset({ObservableKind.IPV4, ObservableKind.IPV6})
# Kinds whose look-up is more than a comparison of the whole value.
_STRUCTURED: Final = frozenset({ObservableKind.DOMAIN, ObservableKind.EMAIL, ObservableKind.URL})
_SEPARATOR: Final = "\x00"


class ValueFilter:
    """Answers for arrays of distinct strings without nulls."""

    def __init__(self, index: IndicatorIndex) -> None:
        self._index = index
        starts, ends = _merged(index.networks(32))
        self._starts, self._ends = np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)
        self._wide_starts, self._wide_ends = _merged(index.networks(128))

    def addresses(self, values: pa.Array) -> Mask:
        """Addresses that an indicated address or network holds."""
        hit = np.zeros(len(values), dtype=bool)
        if len(self._starts):
            numbers, valid = ipv4_numbers(values)
            place = np.searchsorted(self._starts, numbers, side="right") - 1
            hit = valid & (place >= 0) & (numbers <= self._ends[np.maximum(place, 0)])
        if self._wide_starts:
            wide = np.flatnonzero(pc.greater_equal(pc.find_substring(values, ":"), 0).to_numpy(zero_copy_only=False))
            texts = values.take(pa.array(wide)).to_pylist()
            hit[wide] = [self._holds_wide(text) for text in texts]
        return hit

    def observables(self, kind: ObservableKind, values: pa.Array) -> Mask:
        """Artefacts of one kind that an indicator falls on."""
        if kind in _ADDRESSES:
            return self.addresses(values)
        if kind in _STRUCTURED:
            return _each(values, lambda value: bool(self._index.of_observable(Observable(kind, value))))
        return self.exact(kind, values)

    def domains(self, values: pa.Array) -> Mask:
        """Domain names that are indicated, or one above them."""
        return _each(values, lambda value: bool(self._index.of_domain(value)))

    def exact(self, kind: ObservableKind, values: pa.Array) -> Mask:
        """Values that are indicated letter for letter."""
        known = self._index.values_of(kind)
        if not known:
            return np.zeros(len(values), dtype=bool)
        found: Mask = pc.is_in(values, value_set=pa.array(known, pa.string())).to_numpy(zero_copy_only=False)
        return found

    def user_agents(self, values: pa.Array) -> Mask:
        """User agents that are indicated, or that name indicated software."""
        hit = self.exact(ObservableKind.USER_AGENT, values)
        names = self._index.software_names()
        if not names or not len(values):
            return hit
        lowered = [value.lower() for value in values.to_pylist()]
        begins = np.cumsum([0, *(len(value) + 1 for value in lowered)])
        joined = _SEPARATOR.join(lowered)
        for name in names:
            place = joined.find(name)
            while place >= 0:
                number = int(np.searchsorted(begins, place, side="right")) - 1
                hit[number] |= name in lowered[number]
                place = joined.find(name, int(begins[number + 1]))
        return hit

    def _holds_wide(self, text: str) -> bool:
        try:
            number = int.from_bytes(socket.inet_pton(socket.AF_INET6, text))
        except (OSError, ValueError):
            return False
        place = bisect_right(self._wide_starts, number) - 1
        return place >= 0 and number <= self._wide_ends[place]


def _each(values: pa.Array, said: Callable[[str], bool]) -> Mask:
    return np.fromiter((said(value) for value in values.to_pylist()), dtype=bool, count=len(values))


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Overlapping and touching ranges joined: sorted starts, and the end of each."""
    starts: list[int] = []
    ends: list[int] = []
    for first, last in sorted(ranges):
        if ends and first <= ends[-1] + 1:
            ends[-1] = max(ends[-1], last)
        else:
            starts.append(first)
            ends.append(last)
    return starts, ends
