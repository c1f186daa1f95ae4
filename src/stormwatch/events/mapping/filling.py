"""The sources of an event's fields to what has to be done for records of one shape.

What a source found and a field did not use is set aside, not lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stormwatch.events.mapping.conditions import Answer, Conditions, any_holds
from stormwatch.events.mapping.conversations import LISTS
from stormwatch.events.mapping.layout import Layout, Shape, Slots
from stormwatch.events.mapping.scalars import SCALARS, Scalar, header
from stormwatch.events.mapping.specification import Source
from stormwatch.events.turns import as_text

Extras = dict[str, Any]


def same(value: Any) -> Any:
    """The value itself."""
    return value


# Before the id of an account that only the caller claimed to be: nobody may take it for one that was authenticated.
ASSERTED: Final = "asserted:"
_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to fill a field for records of a shape."""

    find: Callable[[Slots], Any]
    convert: Scalar = same
    name: str = ""  # the path, for what is set aside; empty where nothing has to be
    holds: Answer | None = None
    asserted: bool = False
    constant: Any = None
    place: tuple[int, str] | None = None  # the object and the key, where there is nothing between


class PreparedSource:
    """A source of a field, its paths placed in the layout."""

    def __init__(self, source: Source, layout: Layout) -> None:
        self.source = source
        self.places = tuple(layout.place(path) for path in source.paths)
        self._when = Conditions(source.when, layout) if source.when else None
        self._any = tuple(Conditions(group, layout) for group in source.any_of)
        self._convert = _converter(source) if source.transform not in LISTS else same
        self.read = LISTS.get(source.transform)

    def guard(self, shape: Shape) -> tuple[bool, Answer | None]:
        """Whether the source can hold for a shape at all, and the question that is left."""
        if self._when is None:
            return True, None
        holds = self._when.for_shape(shape)
        return holds is not None, holds

    def attempts(self, shape: Shape) -> list[Attempt]:
        """What there is to try for records of a shape."""
        possible, holds = self.guard(shape)
        if not possible:
            return []
        source = self.source
        if source.digest:
            return [Attempt(_digest, holds=holds)]
        if source.any_of:
            answer = any_holds(self._any, shape)
            return [Attempt(answer or _no, holds=holds, constant=False if answer is None else None)]
        if source.constant is not None:
            constant = source.constant
            return [Attempt(lambda _slots: constant, holds=holds, asserted=source.asserted, constant=constant)]
        # Headers stay where they are, so a place without the one that is looked for need not be set aside.
        is_header = source.transform == "header"
        return [
            Attempt(
                place.finder(),
                self._convert,
                "" if is_header else place.path.text,
                holds,
                source.asserted,
                place=(place.slot, place.key) if place.rest is None else None,
            )
            for place in self.places
            if place.is_in(shape)
        ]


def choose(attempts: tuple[Attempt, ...], slots: Slots, extras: Extras) -> tuple[Any, Attempt | None]:
    """The first that says something, and what it said; what others say differently is set aside."""
    found, chosen, used = None, None, None
    aside: Extras = {}
    for attempt in attempts:
        if chosen is not None and (not attempt.name or attempt.asserted):
            continue
        raw = attempt.find(slots)
        if raw is None or raw == "" or (attempt.holds is not None and not attempt.holds(slots)):
            continue
        if chosen is None:
            found = attempt.convert(raw)
            if found is not None:
                chosen, used = attempt, raw
                aside.pop(attempt.name, None)
                continue
        if raw != used and attempt.name:
            aside[attempt.name] = raw
    if aside:
        extras.update(aside)
    return found, chosen


def account(attempts: tuple[Attempt, ...], slots: Slots, extras: Extras) -> str | None:
    """The account, with where it comes from set aside; one that is only asserted is marked in its id."""
    value, chosen = choose(attempts, slots, extras)
    if chosen is None:
        return None
    extras["account_from"] = chosen.name or "the mapping"
    if chosen.asserted:
        extras["account_asserted"] = True
        return f"{ASSERTED}{value}"
    return str(value)


def _digest(slots: Slots) -> str:
    return blake2b(_canonical(slots[0]), digest_size=16).hexdigest()


def _no(_slots: Slots) -> bool:
    return False


def _converter(source: Source) -> Scalar:
    convert = header(source.header) if source.transform == "header" else SCALARS[source.transform]
    replaced, prefix = dict(source.replaced), source.prefix
    if not replaced and not prefix:
        return convert

    def finish(raw: Any) -> Any:
        value = convert(raw)
        if type(value) is not str:
            return value
        return prefix + as_text(replaced.get(value, value))

    return finish
