"""Address ranges with labels into one table a prefix length, so that one address is looked up in microseconds."""

from __future__ import annotations

import socket
from collections.abc import Hashable, Iterable
from typing import Final, Generic, TypeVar

Label = TypeVar("Label", bound=Hashable)

_BITS: Final = {4: 32, 6: 128}


class AddressRanges(Generic[Label]):
    """Which labels hold for an address, over IPv4 and IPv6 ranges that may overlap and nest.

    A hundred thousand ranges are ready in a fraction of a second; a look-up asks each prefix length that occurs.
    """

    def __init__(self, ranges: Iterable[tuple[str, Label]]) -> None:
        """Takes (CIDR or address, label); ValueError names a range that is none."""
        self._tables: dict[int, dict[int, dict[int, tuple[Label, ...]]]] = {4: {}, 6: {}}
        for text, label in ranges:
            family, first, last = range_of(text)
            free = (last - first).bit_length()
            table = self._tables[family].setdefault(free, {})
            known = table.get(first >> free, ())
            if label not in known:
                table[first >> free] = (*known, label)

    def labels(self, address: str) -> tuple[Label, ...]:
        """Labels of all ranges that hold the address, each once; none for text that is no address."""
        try:
            family, number, _ = range_of(address)
        except ValueError:
            return ()
        found: tuple[Label, ...] = ()
        for free, table in self._tables[family].items():
            found += table.get(number >> free, ())
        return found if len(found) < 2 else tuple(sorted(set(found), key=str))


def range_of(text: str) -> tuple[int, int, int]:
    """Family (4 or 6), first and last number of a CIDR range or single address; host bits are ignored."""
    address, slash, prefix = text.strip().partition("/")
    family, bits = (6, _BITS[6]) if ":" in address else (4, _BITS[4])
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
