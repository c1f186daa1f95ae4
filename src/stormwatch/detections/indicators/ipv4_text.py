"""A whole column of dotted IPv4 addresses into numbers at once, as strict as the operating system's own reading."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_DOT: Final = ord(".")
_ZERO: Final = ord("0")
_SHORTEST, _LONGEST = 7, 15
_PLACES: Final = np.array([1 << 24, 1 << 16, 1 << 8, 1], dtype=np.int64)

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def ipv4_numbers(values: pa.Array) -> tuple[Numbers, Mask]:
    """The number of each text and whether it is an IPv4 address at all (the number is 0 where it is not).

    `values` are strings without nulls. Octets are decimal, up to 255, without leading zeros.
    """
    numbers, valid = np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=bool)
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return numbers, valid
    edges = np.frombuffer(offsets, dtype=np.int32)[values.offset : values.offset + len(values) + 1].astype(np.int64)
    text = np.frombuffer(data, dtype=np.uint8)[: edges[-1]]
    chosen, bounds = _quads(text, edges)
    octets, sound = _octets(text, *bounds)
    valid[chosen[sound]] = True
    numbers[chosen[sound]] = octets[sound] @ _PLACES
    return numbers, valid


def _quads(text: npt.NDArray[np.uint8], edges: Numbers) -> tuple[Numbers, tuple[Numbers, Numbers]]:
    """Which values are digits with three dots, and where their four parts begin and end."""
    starts, ends = edges[:-1], edges[1:]
    dots = np.flatnonzero(text == _DOT)
    foreign = np.flatnonzero((text != _DOT) & ((text < _ZERO) | (text > _ZERO + 9)))
    first = np.searchsorted(dots, starts)
    shaped = (np.searchsorted(dots, ends) - first == 3) & (ends - starts >= _SHORTEST) & (ends - starts <= _LONGEST)
    shaped &= np.searchsorted(foreign, starts) == np.searchsorted(foreign, ends)
    chosen = np.flatnonzero(shaped)
    between = dots[first[chosen][:, None] + np.arange(3)] if len(chosen) else np.empty((0, 3), dtype=np.int64)
    begin = np.column_stack([starts[chosen], between + 1])
    end = np.column_stack([between, ends[chosen]])
    return chosen, (begin, end)


def _octets(text: npt.NDArray[np.uint8], begin: Numbers, end: Numbers) -> tuple[Numbers, Mask]:
    width = end - begin
    digits = text.astype(np.int64) - _ZERO
    octets = digits[end - 1] + (width > 1) * 10 * digits[end - 2] + (width > 2) * 100 * digits[end - 3]
    leading = (width > 1) & (digits[np.minimum(begin, len(digits) - 1)] == 0)
    sound = ((width >= 1) & (width <= 3) & ~leading & (octets <= 255)).all(axis=1)
    return octets, sound
