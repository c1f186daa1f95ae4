"""Chance that repeats: the same key gives the same numbers, drawn in blocks so that single draws stay cheap."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final, Generic, TypeVar

import numpy as np

_BLOCK: Final = 8192

T = TypeVar("T")


class Dice:
    """A stream of random draws named by a key; two stages with keys of their own never disturb each other."""

    __slots__ = ("_block", "_next", "numbers")

    def __init__(self, *key: object) -> None:
        digest = hashlib.sha256("\x1f".join(str(part) for part in key).encode()).digest()
        self.numbers = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16])))
        self._block: list[float] = []
        self._next = 0

    def real(self) -> float:
        """A number from 0 (included) to 1 (excluded)."""
        if self._next == len(self._block):
            self._block = self.numbers.random(_BLOCK).tolist()
            self._next = 0
        value = self._block[self._next]
        self._next += 1
        return value

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound - 1."""
        return int(self.real() * bound)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.real() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.real() < probability

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[int(self.real() * len(items))]

    def some(self, items: Sequence[T], count: int) -> tuple[T, ...]:
        """Up to `count` different items, in random order."""
        order = self.numbers.permutation(len(items))[:count]
        return tuple(items[int(index)] for index in order)

    def token(self) -> str:
        """Sixteen hexadecimal digits."""
        return f"{int(self.real() * 4294967296):08x}{int(self.real() * 4294967296):08x}"


class Choice(Generic[T]):
    """Items with weights, ready to be drawn from."""

    __slots__ = ("_sums", "items")

    def __init__(self, weights: Mapping[T, float]) -> None:
        self.items: tuple[T, ...] = tuple(weights)
        self._sums = list(accumulate(weights.values()))

    def draw(self, dice: Dice) -> T:
        """One item, as likely as its weight says."""
        if len(self.items) == 1:
            return self.items[0]
        return self.items[min(bisect_right(self._sums, dice.real() * self._sums[-1]), len(self.items) - 1)]
