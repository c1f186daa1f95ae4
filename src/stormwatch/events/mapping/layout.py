"""Where a mapping looks in a record: every object on the way found once, every value then one step from there.

Records of one source have few shapes. A shape is which keys the objects on the way have; what a mapping can find in a
record is decided once for each shape, and not asked again for each record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from stormwatch.events.mapping.paths import Lookup, Path, first_of, lookup_of

Slots = list[dict[str, Any]]
Shape = tuple[tuple[str, ...], ...]

_NOTHING: Final[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """A value: the number of the object that holds it, its key there, and the way on from it, if there is one."""

    slot: int
    key: str
    rest: Lookup | None
    path: Path

    def value(self, slots: Slots) -> Any:
        """What lies there, None where nothing does; of a path to many values their list."""
        found = slots[self.slot].get(self.key)
        return found if found is None or self.rest is None else self.rest(found)

    def first(self, slots: Slots) -> Any:
        """Like `value`, of many the first that says something."""
        return first_of(self.value(slots)) if self.path.is_many else self.value(slots)

    def finder(self) -> Callable[[Slots], Any]:
        """`first` as a function of its own, for records that have the key."""
        slot, key, rest = self.slot, self.key, self.rest
        if rest is None:
            return lambda slots: slots[slot][key]
        return self.first

    def is_in(self, shape: Shape) -> bool:
        """Whether a record of the shape has the key."""
        return self.key in shape[self.slot]


class Layout:
    """The objects that the paths of one mapping lead through. Number 0 is the record."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {(): 0}
        self._steps: list[tuple[int, str]] = []

    def place(self, path: Path) -> Place:
        """The place of a path; its objects are found in every record from now on."""
        keys: list[str] = []
        for step in path.steps:
            if not isinstance(step, str):
                break
            keys.append(step)
        rest = path.steps[len(keys) :]
        return Place(self._number(tuple(keys[:-1])), keys[-1], lookup_of(rest) if rest else None, path)

    def children(self, slot: int) -> Iterator[tuple[str, int]]:
        """The keys of an object that lead to further objects, with the numbers of those."""
        for number, (parent, key) in enumerate(self._steps, 1):
            if parent == slot:
                yield key, number

    def slots(self, record: dict[str, Any]) -> Slots:
        """The objects in a record; an empty one for each that is not there."""
        found = [record]
        for parent, key in self._steps:
            value = found[parent].get(key)
            found.append(value if type(value) is dict else _NOTHING)
        return found

    def _number(self, keys: tuple[str, ...]) -> int:
        if keys not in self._numbers:
            parent = self._number(keys[:-1])
            self._steps.append((parent, keys[-1]))
            self._numbers[keys] = len(self._steps)
        return self._numbers[keys]


def shape_of(slots: Slots) -> Shape:
    """The keys of every object."""
    return tuple([tuple(slot) for slot in slots])
