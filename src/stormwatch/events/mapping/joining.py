"""Records of several kinds that share a key, put together to one record as soon as nothing more is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from stormwatch.events.mapping.conditions import recogniser
from stormwatch.events.mapping.paths import Path, first_lookup, lookup
from stormwatch.events.mapping.scalars import count, text
from stormwatch.events.mapping.specification import Join, JoinPart
from stormwatch.model.errors import InvalidInput

GROUPS_HELD: Final = 10_000
BYTES_HELD: Final = 64 * 1024 * 1024

Mark = TypeVar("Mark")


@dataclass(slots=True)
class Group(Generic[Mark]):
    """What came of one key: rows by the name of their part, their bytes as they came, where the first of them stood."""

    mark: Mark
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)
    size: int = 0
    last_seen: float = 0.0


class Joiner(Generic[Mark]):
    """Holds what is waited for, in bounds: beyond them the group that has waited longest is given as it is."""

    def __init__(self, join: Join, *, groups_held: int = GROUPS_HELD, bytes_held: int = BYTES_HELD) -> None:
        self._join = join
        self._keys = tuple(first_lookup(path) for path in join.key)
        self._parts = tuple((part, recogniser(part.recognise)) for part in join.parts)
        self._groups_held = groups_held
        self._bytes_held = bytes_held
        self._groups: dict[str, Group[Mark]] = {}
        self._size = 0

    def add(self, record: dict[str, Any], raw: bytes, mark: Mark, now: float) -> list[Group[Mark]]:
        """Takes a record in; gives groups that can be held no longer. InvalidInput when it is no part of the join."""
        key = next((found for find in self._keys if (found := text(find(record))) is not None), None)
        part = next((part for part, recognises in self._parts if recognises(record)), None)
        if key is None or part is None:
            missing = "has no key" if key is None else "is none of the kinds of record"
            raise InvalidInput(f"{missing} that are put together", remedy="see the mapping's `join`")
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(mark)
        group.rows.setdefault(part.name, []).append(record)
        group.raw.append(raw)
        group.size += len(raw)
        group.last_seen = now
        self._size += len(raw)
        return list(self._overflow())

    def idle(self, now: float) -> list[Group[Mark]]:
        """Takes out the groups of which nothing came for as long as the mapping waits."""
        waited = [key for key, group in self._groups.items() if now - group.last_seen >= self._join.wait_seconds]
        return [self._take(key) for key in waited]

    def drain(self) -> list[Group[Mark]]:
        """Takes out every group."""
        return [self._take(key) for key in list(self._groups)]

    def marks(self) -> Iterator[Mark]:
        """Where the groups that are waited for began, the earliest first."""
        return (group.mark for group in self._groups.values())

    def whole(self, group: Group[Mark]) -> dict[str, Any]:
        """The one record of a group: for each part its rows laid over one another, split texts put together."""
        return {part.name: _merged(part, group.rows[part.name]) for part, _ in self._parts if part.name in group.rows}

    def _overflow(self) -> Iterator[Group[Mark]]:
        while len(self._groups) > self._groups_held or (self._size > self._bytes_held and self._groups):
            yield self._take(next(iter(self._groups)))

    def _take(self, key: str) -> Group[Mark]:
        group = self._groups.pop(key)
        self._size -= group.size
        return group


def _merged(part: JoinPart, rows: list[dict[str, Any]]) -> dict[str, Any]:
    orders = tuple(first_lookup(path) for path in part.order)

    def place(row: dict[str, Any]) -> int:
        return next((number for find in orders if (number := count(find(row))) is not None), 0)

    ordered = sorted(rows, key=place) if orders and len(rows) > 1 else rows
    whole: dict[str, Any] = {}
    for row in ordered:
        _lay_over(whole, row)
    for path in part.split:
        pieces = [piece for row in ordered if (piece := lookup(path)(row)) is not None and piece != ""]
        if len(pieces) > 1:
            _put(whole, path, _together(pieces))
    return whole


def _lay_over(whole: dict[str, Any], row: dict[str, Any]) -> None:
    """Fills what the rows before left empty; a zero counts as empty, since rows that do not count say 0."""
    for key, value in row.items():
        known = whole.get(key)
        if type(known) is dict and type(value) is dict:
            _lay_over(known, value)
        elif known is None or known == "" or known == 0 or known == []:
            whole[key] = dict(value) if type(value) is dict else value


def _together(pieces: list[Any]) -> Any:
    if all(type(piece) is str for piece in pieces):
        return "".join(pieces)
    return [item for piece in pieces for item in (piece if type(piece) is list else [piece])]


def _put(whole: dict[str, Any], path: Path, value: Any) -> None:
    *way, last = path.steps
    holder: Any = whole
    for step in way:
        holder = holder.get(step) if type(holder) is dict else None
    if type(holder) is dict and type(last) is str:
        holder[last] = value
