"""Tests of a mapping to functions that answer them for a record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stormwatch.events.mapping.paths import lookup
from stormwatch.events.mapping.specification import Test
from stormwatch.events.turns import as_text

Answer = Callable[[Any], bool]


def all_hold(tests: tuple[Test, ...]) -> Answer:
    """Whether every test holds."""
    answers = tuple(_answer(test) for test in tests)
    if len(answers) == 1:
        return answers[0]

    def holds(record: Any) -> bool:
        return all(answer(record) for answer in answers)

    return holds


def any_holds(groups: tuple[tuple[Test, ...], ...]) -> Answer:
    """Whether all tests of at least one group hold."""
    answers = tuple(all_hold(group) for group in groups)

    def holds(record: Any) -> bool:
        return any(answer(record) for answer in answers)

    return holds


def _answer(test: Test) -> Answer:
    if test.kind == "present":
        something = _any_place(test, _is_something)
        return something if test.wanted else lambda record: not something(record)
    return _any_place(test, {"in": _is_in, "contains": _contains, "at_least": _is_at_least}[test.kind])


def _any_place(test: Test, asks: Callable[[Any, Any], bool]) -> Answer:
    wanted = test.wanted
    finds = tuple((lookup(path), path.is_many) for path in test.paths)

    def answer(record: Any) -> bool:
        for find, is_many in finds:
            value = find(record)
            if value is None:
                continue
            if any(asks(item, wanted) for item in value) if is_many else asks(value, wanted):
                return True
        return False

    return answer


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
