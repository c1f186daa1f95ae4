"""Paths such as `response.choices[].message` to functions that look them up in a decoded JSON record."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

Lookup = Callable[[Any], Any]

LONGEST_PATH: Final = 256
ALLOWED: Final = "keys joined by dots, [] for every item of a list, [0] for one item, quotes around a key with dots"
_STEP: Final = re.compile(r'(?:(?<=.)\.)?"([^"]+)"|(?:(?<=.)\.)?([^\s.\[\]"]+)|\[(\d{0,6})\]')


class Every(Enum):
    """The step that goes to every item of a list."""

    ITEM = "[]"


EVERY: Final = Every.ITEM
Step = str | int | Every


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value lies in a record."""

    text: str
    steps: tuple[Step, ...]

    @property
    def is_many(self) -> bool:
        """Whether the path leads to several values."""
        return EVERY in self.steps


def parse_path(text: str) -> Path:
    """The path that a text spells; ValueError when it spells none."""
    steps: list[Step] = []
    position = 0
    if not text or len(text) > LONGEST_PATH:
        raise ValueError("a path has 1 to 256 characters")
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or (position == 0 and match[3] is not None) or _lacks_dot(text, position, match):
            raise ValueError(f"not a path at character {position + 1}")
        steps.append(_step(match))
        position = match.end()
    return Path(text, tuple(steps))


def lookup(path: Path) -> Lookup:
    """A function from a record to the value there, None where there is none; for a path to many values their list."""
    return lookup_of(path.steps)


def lookup_of(steps: tuple[Step, ...]) -> Lookup:
    """The same for a part of a path."""
    if all(isinstance(step, str) for step in steps):
        return _keys_lookup(steps)
    return _steps_lookup(steps)


def first_lookup(path: Path) -> Lookup:
    """Like `lookup`, but of many values the first that says something."""
    find = lookup(path)
    if not path.is_many:
        return find

    return lambda record: first_of(find(record))


def first_of(values: list[Any] | None) -> Any:
    """The first of several values that says something."""
    for value in values or ():
        if value is not None and value != "":
            return value
    return None


def _lacks_dot(text: str, position: int, match: re.Match[str]) -> bool:
    return position > 0 and match[3] is None and text[position] != "."


def _step(match: re.Match[str]) -> Step:
    if match[3] is not None:
        return int(match[3]) if match[3] else EVERY
    return match[1] or match[2]


def _keys_lookup(steps: tuple[Any, ...]) -> Lookup:
    if len(steps) == 1:
        (key,) = steps

        def find_one(record: Any) -> Any:
            return record.get(key) if type(record) is dict else None

        return find_one
    *way, last = steps

    def find(record: Any) -> Any:
        for key in way:
            if type(record) is not dict:
                return None
            record = record.get(key)
        return record.get(last) if type(record) is dict else None

    return find


def _steps_lookup(steps: tuple[Step, ...]) -> Lookup:
    if EVERY in steps:
        at = steps.index(EVERY)
        before, after = _steps_lookup(steps[:at]), steps[at + 1 :]
        if at == 0 and len(after) == 1 and isinstance(after[0], str):
            return _key_of_each(after[0])
        inner = _steps_lookup(after) if after else None
        flat = EVERY in after

        def find_every(record: Any) -> Any:
            items = before(record)
            if type(items) is not list:
                return None
            found = items if inner is None else [inner(item) for item in items]
            if flat:
                found = [value for part in found if part for value in part]
            return [value for value in found if value is not None] or None

        return find_every

    def find(record: Any) -> Any:
        for step in steps:
            record = _walk(record, step)
        return record

    return find


def _key_of_each(key: str) -> Lookup:
    def find(items: Any) -> Any:
        if type(items) is not list:
            return None
        found = [item.get(key) for item in items if type(item) is dict]
        return [value for value in found if value is not None] or None

    return find


def _walk(value: Any, step: Step) -> Any:
    if isinstance(step, str):
        return value.get(step) if type(value) is dict else None
    if isinstance(step, int):
        return value[step] if type(value) is list and step < len(value) else None
    return None
