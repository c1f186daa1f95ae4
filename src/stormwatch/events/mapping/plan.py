"""What a mapping does with records of one shape: the places that are there, field by field, and what is left over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stormwatch.events.mapping.fields import LIST_FIELDS
from stormwatch.events.mapping.filling import Attempt, Extras, PreparedSource, account, choose, same
from stormwatch.events.mapping.layout import Layout, Shape, Slots
from stormwatch.events.mapping.leftovers import USED, Taken, leftovers

Fields = tuple[tuple[str, tuple[PreparedSource, ...]], ...]


class Plan:
    """Fills an event from the objects of a record; one for each shape."""

    def __init__(self, fields: Fields, layout: Layout, tree: Taken, shape: Shape) -> None:
        self._constants: dict[str, Any] = {}
        self._simple: list[tuple[Any, ...]] = []
        self._computed: list[tuple[str, Callable[[Slots], Any]]] = []
        self._chosen: list[tuple[str, tuple[Attempt, ...]]] = []
        self._account: tuple[Attempt, ...] = ()
        self._lists: list[tuple[str, list[tuple[Any, ...]]]] = []
        for name, sources in fields:
            if name in LIST_FIELDS:
                self._add_list(name, sources, shape)
            else:
                self._add_single(name, tuple(each for source in sources for each in source.attempts(shape)))
        self._rest = _rest(layout, tree, shape, 0)

    def fill(self, slots: Slots, extras: Extras) -> dict[str, Any]:
        """The fields of the event."""
        filled = self._constants.copy()
        self._fill_simple(filled, slots, extras)
        for name, find in self._computed:
            filled[name] = find(slots)
        for name, attempts in self._chosen:
            value, _ = choose(attempts, slots, extras)
            if value is not None:
                filled[name] = value
        who = account(self._account, slots, extras)
        if who is not None:
            filled["account_id"] = who
        for name, parts in self._lists:
            found = _joined(parts, slots)
            if found:
                filled[name] = found
        return filled

    def _fill_simple(self, filled: dict[str, Any], slots: Slots, extras: Extras) -> None:
        for name, slot, key, convert, aside in self._simple:
            raw = slots[slot][key]
            if raw is None or raw == "":
                continue
            value = convert(raw)
            if value is not None:
                filled[name] = value
            elif aside:
                extras[aside] = raw

    def rest(self, slots: Slots) -> dict[str, Any]:
        """What no field took, without nulls and without what is empty."""
        return _gathered(self._rest, slots)

    def _add_single(self, name: str, attempts: tuple[Attempt, ...]) -> None:
        if name == "account_id":
            self._account = attempts
            return
        if not attempts:
            return
        first = attempts[0]
        if first.holds is None and first.constant is not None:
            self._constants[name] = first.constant
        elif len(attempts) == 1 and first.place is not None and first.holds is None:
            self._simple.append((name, *first.place, first.convert, first.name))
        elif len(attempts) == 1 and first.holds is None and first.convert is same:
            self._computed.append((name, first.find))
        else:
            self._chosen.append((name, attempts))

    def _add_list(self, name: str, sources: tuple[PreparedSource, ...], shape: Shape) -> None:
        parts = []
        for source in sources:
            possible, holds = source.guard(shape)
            parts += [
                (place.slot, place.key, place.rest, source.read, source.source.role, holds)
                for place in source.places
                if possible and place.is_in(shape)
            ]
        if parts:
            self._lists.append((name, parts))


def _joined(parts: list[tuple[Any, ...]], slots: Slots) -> list[Any]:
    found: list[Any] = []
    for slot, key, rest, read, role, holds in parts:
        value = slots[slot][key]
        if rest is not None and value is not None:
            value = rest(value)
        if value is not None and (holds is None or holds(slots)):
            found += read(value, role)
    return found


# The number of an object, its keys that are kept whole, those of which a part is taken, and the objects in it.
_Node = tuple[int, tuple[str, ...], tuple[tuple[str, Taken], ...], tuple[tuple[str, Any], ...]]


def _rest(layout: Layout, tree: Taken, shape: Shape, slot: int) -> _Node:
    """Which keys of an object, and of those in it, no field takes."""
    inner = dict(layout.children(slot))
    whole, parts, objects = [], [], []
    for key in shape[slot]:
        below = tree.get(key)
        if below is None:
            whole.append(key)
        elif below is not USED and key in inner and shape[inner[key]]:
            objects.append((key, _rest(layout, below, shape, inner[key])))
        elif below is not USED:
            parts.append((key, below))
    return slot, tuple(whole), tuple(parts), tuple(objects)


def _gathered(node: _Node, slots: Slots) -> dict[str, Any]:
    slot, whole, parts, objects = node
    holder = slots[slot]
    found: dict[str, Any] = {}
    for key in whole:
        value = holder[key]
        if value is not None and value != "" and value != [] and value != {}:
            found[key] = value
    for key, below in parts:
        found.update(leftovers({key: holder[key]}, {key: below}))
    for key, inside in objects:
        kept = _gathered(inside, slots)
        if kept:
            found[key] = kept
    return found
