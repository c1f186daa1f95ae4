"""Address ranges with labels into sorted boundaries, so that one address is looked up by bisection in microseconds."""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Label = TypeVar("Label", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Boundaries(Generic[Label]):
    """From `starts[i]` up to the next start the labels `labels[i]` hold."""

    starts: list[int]
    labels: list[tuple[Label, ...]]

    def at(self, number: int) -> tuple[Label, ...]:
        index = bisect_right(self.starts, number) - 1
        return self.labels[index] if index >= 0 else ()


class AddressRanges(Generic[Label]):
    """Which labels hold for an address, over IPv4 and IPv6 ranges that may overlap and nest."""

    def __init__(self, ranges: Iterable[tuple[str, Label]]) -> None:
        """Takes (CIDR or address, label); ValueError names a range that is none."""
        by_family: dict[int, list[tuple[int, int, Label]]] = {4: [], 6: []}
        for text, label in ranges:
            family, first, last = range_of(text)
            by_family[family].append((first, last, label))
        self._families = {family: _boundaries(found) for family, found in by_family.items()}

    def labels(self, address: str) -> tuple[Label, ...]:
        """Labels of all ranges that hold the address; none for text that is no address."""
        try:
            family, number, _ = range_of(address)
        except ValueError:
            return ()
        return self._families[family].at(number)


def range_of(text: str) -> tuple[int, int, int]:
    """Family (4 or 6), first and last number of a CIDR range or single address; host bits are ignored."""
    address, slash, prefix = text.strip().partition("/")
    family, bits = (6, 128) if ":" in address else (4, 32)
    try:
        number = int.from_bytes(socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, address))
    except OSError as error:
        raise ValueError(f"not an address or range: {text[:60]!r}") from error
    length = bits
    if slash:
        if not (prefix.isascii() and prefix.isdigit()) or int(prefix) > bits:
            raise ValueError(f"not a prefix length: {text[:60]!r}")
        length = int(prefix)
    size = 1 << (bits - length)
    first = number & ~(size - 1)
    return family, first, first + size - 1


def _boundaries(ranges: list[tuple[int, int, Label]]) -> _Boundaries[Label]:
    """Sweeps over all starts and ends once, keeping the multiset of labels that are open."""
    opening: dict[int, list[Label]] = {}
    closing: dict[int, list[Label]] = {}
    for first, last, label in ranges:
        opening.setdefault(first, []).append(label)
        closing.setdefault(last + 1, []).append(label)
    starts: list[int] = []
    labels: list[tuple[Label, ...]] = []
    for place, current in _sweep(opening, closing):
        if not labels or labels[-1] != current:
            starts.append(place)
            labels.append(current)
    return _Boundaries(starts, labels)


def _sweep(opening: dict[int, list[Label]], closing: dict[int, list[Label]]) -> Iterator[tuple[int, tuple[Label, ...]]]:
    open_labels: Counter[Label] = Counter()
    for place in sorted(opening.keys() | closing.keys()):
        for label in closing.get(place, ()):
            open_labels[label] -= 1
            if not open_labels[label]:
                del open_labels[label]
        open_labels.update(opening.get(place, ()))
        yield place, tuple(open_labels) if len(open_labels) < 2 else tuple(sorted(open_labels, key=str))
