"""Tests of a mapping to functions that answer them for a record, or say that no record of a shape can answer them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stormwatch.events.mapping.layout import Layout, Place, Shape, Slots
from stormwatch.events.mapping.specification import Test
from stormwatch.events.turns import as_text

Answer = Callable[[Slots], bool]
Asks = Callable[[Any, Any], bool]


class Condition:
    """One test. `for_shape` leaves only the places that records of a shape have."""

    def __init__(self, test: Test, layout: Layout) -> None:
        self._places = tuple(layout.place(path) for path in test.paths)
        self._wanted = test.wanted
        self._asks = _KINDS[test.kind]
        self._negated = test.kind == "present" and not test.wanted

    def for_shape(self, shape: Shape) -> Answer | None:
        """The question as far as it is open for the shape; None where it can only be answered with no."""
        places = tuple(place for place in self._places if place.is_in(shape))
        if not places:
            return _yes if self._negated else None
        holds = _any_place(places, self._asks, self._wanted)
        return (lambda slots: not holds(slots)) if self._negated else holds


class Conditions:
    """Several tests that hold together."""

    def __init__(self, tests: tuple[Test, ...], layout: Layout) -> None:
        self._conditions = tuple(Condition(test, layout) for test in tests)

    def for_shape(self, shape: Shape) -> Answer | None:
        """Whether all hold; None where they cannot."""
        answers = []
        for condition in self._conditions:
            answer = condition.for_shape(shape)
            if answer is None:
                return None
            answers.append(answer)
        if len(answers) == 1:
            return answers[0]
        return lambda slots: all(answer(slots) for answer in answers)


def any_holds(groups: tuple[Conditions, ...], shape: Shape) -> Answer | None:
    """Whether all tests of at least one group hold; None where that cannot be."""
    answers = [answer for group in groups if (answer := group.for_shape(shape)) is not None]
    if len(answers) <= 1:
        return answers[0] if answers else None
    return lambda slots: any(answer(slots) for answer in answers)


def recogniser(tests: tuple[Test, ...]) -> Callable[[dict[str, Any]], bool]:
    """A function that says whether all tests hold for a record by itself."""
    layout = Layout()
    conditions = tuple((layout_place, test) for test in tests for layout_place in [_places(test, layout)])

    def recognises(record: dict[str, Any]) -> bool:
        slots = layout.slots(record)
        return all(_holds(places, test, slots) for places, test in conditions)

    return recognises


def _places(test: Test, layout: Layout) -> tuple[Place, ...]:
    return tuple(layout.place(path) for path in test.paths)


def _holds(places: tuple[Place, ...], test: Test, slots: Slots) -> bool:
    found = _any_place(places, _KINDS[test.kind], test.wanted)(slots)
    return found is test.wanted if test.kind == "present" else found


def _any_place(places: tuple[Place, ...], asks: Asks, wanted: Any) -> Answer:
    found = tuple((place.slot, place.key, place.rest, place.path.is_many) for place in places)

    def answer(slots: Slots) -> bool:
        for slot, key, rest, is_many in found:
            value = slots[slot].get(key)
            if rest is not None and value is not None:
                value = rest(value)
            if value is None:
                continue
            if any(asks(item, wanted) for item in value) if is_many else asks(value, wanted):
                return True
        return False

    return answer


def _yes(_slots: Slots) -> bool:
    return True


def _is_something(value: Any, _wanted: Any) -> bool:
    return value is not None and value != "" and value != [] and value != {}


def _is_in(value: Any, wanted: Any) -> bool:
    # True is 1 to Python, and is not to whoever writes a mapping.
    return any(type(value) is type(item) and value == item for item in wanted)


def _contains(value: Any, wanted: Any) -> bool:
    text = as_text(value).lower()
    return any(as_text(item).lower() in text for item in wanted)


def _is_at_least(value: Any, wanted: Any) -> bool:
    if type(value) is str and len(value) <= 20:
        try:
            value = float(value)
        except ValueError:
            return False
    return type(value) in (int, float) and value >= wanted


_KINDS: dict[str, Asks] = {
    "present": _is_something,
    "in": _is_in,
    "contains": _contains,
    "at_least": _is_at_least,
}
