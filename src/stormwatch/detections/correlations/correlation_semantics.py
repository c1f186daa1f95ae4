"""What a correlation means: over the hits of one group, when it holds and at which events it fires.

A window is what lies within the timespan before a moment, that moment included; a moment is a distinct event time.
A correlation fires at a moment at which it holds, if it held at no moment within the timespan before: one firing for
an episode, however long. So a firing depends on two timespans of hits before it and on nothing else, least of all on
the order in which they arrived.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple, Protocol

from stormwatch.detections.correlations.correlation import (
    Correlation,
    CorrelationType,
    Expression,
    Firing,
    RuleHit,
    Threshold,
)


class GroupHit(NamedTuple):
    """A hit within its group: its place among the members, and what is measured of it (None: nothing)."""

    hit: RuleHit
    slot: int
    value: Any = None

    @property
    def time_us(self) -> int:
        """Time of the event."""
        return self.hit.time_us

    @property
    def event(self) -> tuple[str, str]:
        """Tells the events of one moment apart."""
        return self.hit.event_id, self.hit.account_id

    @property
    def key(self) -> tuple[Any, ...]:
        """Tells hits of a group apart, and orders them."""
        return (*self.hit.key, self.slot)


class Window(Protocol):
    """What is in the window, kept up to date hit by hit."""

    def add(self, hits: Sequence[GroupHit]) -> None:
        """The hits of one moment come in."""
        ...

    def drop(self, hit: GroupHit) -> None:
        """A hit leaves."""
        ...

    def holds(self, since_us: int) -> bool:
        """Whether the condition is true of what is in the window, which begins at `since_us`."""
        ...


class _CountWindow:
    """How many events (or values) there are, each once."""

    def __init__(self, condition: Threshold, *, values: bool) -> None:
        self._condition = condition
        self._values = values
        self._seen: Counter[Any] = Counter()

    def add(self, hits: Sequence[GroupHit]) -> None:
        self._seen.update(key for hit in hits if (key := self._key(hit)) is not None)

    def drop(self, hit: GroupHit) -> None:
        key = self._key(hit)
        if key is not None:
            self._seen[key] -= 1
            if not self._seen[key]:
                del self._seen[key]

    def holds(self, _since_us: int) -> bool:
        return self._condition.holds(len(self._seen))

    def _key(self, hit: GroupHit) -> Any:
        return hit.value if self._values else (hit.time_us, *hit.event)


class _PresenceWindow:
    """Which of the rules have hit."""

    def __init__(self, condition: Threshold | Expression) -> None:
        self._condition = condition
        self._seen: Counter[int] = Counter()

    def add(self, hits: Sequence[GroupHit]) -> None:
        self._seen.update(hit.slot for hit in hits)

    def drop(self, hit: GroupHit) -> None:
        self._seen[hit.slot] -= 1
        if not self._seen[hit.slot]:
            del self._seen[hit.slot]

    def holds(self, _since_us: int) -> bool:
        if isinstance(self._condition, Expression):
            return self._condition.holds(self._seen.keys())
        return self._condition.holds(len(self._seen))


class _OrderedWindow:
    """Whether the rules have hit one after the other, at moments that differ.

    For each rule: the latest moment at which a chain up to it can have begun. A window holds a whole chain exactly if
    the latest one began in it.
    """

    def __init__(self, members: int) -> None:
        self._began: list[int | None] = [None] * members

    def add(self, hits: Sequence[GroupHit]) -> None:
        before = list(self._began)
        for slot in {hit.slot for hit in hits}:
            start = hits[0].time_us if slot == 0 else before[slot - 1]
            known = self._began[slot]
            if start is not None and (known is None or start > known):
                self._began[slot] = start

    def drop(self, hit: GroupHit) -> None:
        """Nothing to do: what began before the window does not count."""

    def holds(self, since_us: int) -> bool:
        last = self._began[-1]
        return last is not None and last >= since_us


class _NumberWindow:
    """Sum, mean or percentile of the numbers of the events, exact whatever the order of addition."""

    def __init__(self, correlation: Correlation, condition: Threshold) -> None:
        self._type = correlation.type
        self._share = Fraction(50 if self._type is CorrelationType.VALUE_MEDIAN else correlation.percentile, 100)
        self._condition = condition
        self._seen: Counter[Any] = Counter()
        self._ordered: list[int | Fraction] = []
        self._sum: int | Fraction = 0

    def add(self, hits: Sequence[GroupHit]) -> None:
        for hit in hits:
            if hit.value is not None:
                key = (hit.time_us, *hit.event, hit.value)
                self._seen[key] += 1
                if self._seen[key] == 1:
                    self._sum += hit.value
                    if self._type in _RANKED:
                        insort(self._ordered, hit.value)

    def drop(self, hit: GroupHit) -> None:
        if hit.value is None:
            return
        key = (hit.time_us, *hit.event, hit.value)
        self._seen[key] -= 1
        if not self._seen[key]:
            del self._seen[key]
            self._sum -= hit.value
            if self._type in _RANKED:
                del self._ordered[bisect_left(self._ordered, hit.value)]

    def holds(self, _since_us: int) -> bool:
        return bool(self._seen) and self._condition.holds(self._measure())

    def _measure(self) -> int | Fraction:
        if self._type is CorrelationType.VALUE_SUM:
            return self._sum
        if self._type is CorrelationType.VALUE_AVG:
            return Fraction(self._sum) / len(self._seen)
        place = self._share * (len(self._ordered) - 1)
        low = int(place)
        if place == low:
            return self._ordered[low]
        return self._ordered[low] + (place - low) * (self._ordered[low + 1] - self._ordered[low])


_RANKED: Final = (CorrelationType.VALUE_PERCENTILE, CorrelationType.VALUE_MEDIAN)
_NUMERIC: Final = (CorrelationType.VALUE_SUM, CorrelationType.VALUE_AVG, *_RANKED)


def empty_window(correlation: Correlation) -> Window:
    """A window with nothing in it, of the kind that the correlation asks for."""
    condition = correlation.condition
    if correlation.type is CorrelationType.TEMPORAL_ORDERED:
        return _OrderedWindow(len(correlation.members))
    if isinstance(condition, Expression) or correlation.type is CorrelationType.TEMPORAL:
        return _PresenceWindow(condition)
    if correlation.type in _NUMERIC:
        return _NumberWindow(correlation, condition)
    return _CountWindow(condition, values=correlation.type is CorrelationType.VALUE_COUNT)


class Sweep:
    """Moves a window over the hits of one group, moment by moment, and says where the correlation fires."""

    def __init__(self, correlation: Correlation, group: tuple[str, ...]) -> None:
        self._correlation = correlation
        self._group = group
        self._window = empty_window(correlation)
        self._inside: deque[GroupHit] = deque()
        self._held_us: int | None = None

    def at(self, hits: Sequence[GroupHit]) -> Firing | None:
        """The hits of the next moment (all of them, later than any before): the firing at it, if there is one."""
        now = hits[0].time_us
        since = now - self._correlation.timespan_us
        while self._inside and self._inside[0].time_us < since:
            self._window.drop(self._inside.popleft())
        self._inside.extend(hits)
        self._window.add(hits)
        if not self._window.holds(since):
            return None
        held, self._held_us = self._held_us, now
        return self._firing(hits) if held is None or held < since else None

    def _firing(self, hits: Sequence[GroupHit]) -> Firing:
        ordered = self._correlation.type is CorrelationType.TEMPORAL_ORDERED
        last = len(self._correlation.members) - 1
        first = min((hit for hit in hits if not ordered or hit.slot == last), key=lambda hit: hit.key).hit
        return Firing(
            self._correlation.rule_id, self._group, first.time_us, first.event_id, first.account_id, first.fields
        )


def moments(hits: Iterable[GroupHit]) -> Iterator[list[GroupHit]]:
    """Hits in order of time, parted into those of one moment each."""
    batch: list[GroupHit] = []
    for hit in hits:
        if batch and batch[0].time_us != hit.time_us:
            yield batch
            batch = []
        batch.append(hit)
    if batch:
        yield batch


def firings_of_group(correlation: Correlation, group: tuple[str, ...], hits: Sequence[GroupHit]) -> Iterator[Firing]:
    """The firings over the hits of one group, which are in the order of their keys and each there once."""
    sweep = Sweep(correlation, group)
    for moment in moments(hits):
        firing = sweep.at(moment)
        if firing is not None:
            yield firing


def placed_hits(correlation: Correlation, hit: RuleHit) -> Iterator[tuple[tuple[str, ...], GroupHit]]:
    """The groups to which a hit belongs, by each member that it is a hit of; none where a part of the group is null."""
    for slot, member in enumerate(correlation.members):
        if member.rule_id != hit.rule_id:
            continue
        group = tuple(hit.fields.get(name) for name in member.group_fields)
        if all(part is not None for part in group):
            value = _measured(correlation.type, [hit.fields.get(name) for name in member.value_fields])
            yield tuple(map(str, group)), GroupHit(hit, slot, value)


def _measured(kind: CorrelationType, values: Sequence[Any]) -> Any:
    if not values or any(value is None for value in values):
        return None
    if kind is CorrelationType.VALUE_COUNT:
        return tuple(map(_folded, values))
    value = values[0]
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        return None
    return value if isinstance(value, int) else Fraction(repr(value)) if isinstance(value, float) else value


def _folded(value: Any) -> str:
    """Values that Sigma takes for equal are one: text regardless of case."""
    return str(value).casefold()
