"""Lines of a mapped format to events as sent, one stream at a time; holds what a mapping puts together from several."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from stormwatch.events.mapping.compiled import CompiledMapping
from stormwatch.events.mapping.decoding import as_line
from stormwatch.events.mapping.joining import Group, Joiner
from stormwatch.events.readers.decoding import decode_object, explain
from stormwatch.events.sent import SentEvent
from stormwatch.model.errors import InvalidInput

Mark = TypeVar("Mark")

_FAULTS: Final = (msgspec.ValidationError, msgspec.EncodeError, RecursionError, UnicodeError, OverflowError)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Mark]):
    """What became of a record, or of several that were put together: an event, or None and why there is none.

    `data` is what it came as, one record a line; `mark` is where it, or the first of several, stood.
    """

    event: SentEvent | None
    reason: str
    data: bytes
    mark: Mark


class MappedReader(Generic[Mark]):
    """Reads the lines of one stream. `mark` says where a line stands, in whatever way the caller counts."""

    def __init__(self, mapping: CompiledMapping, clock: Callable[[], float] = time.monotonic) -> None:
        self._mapping = mapping
        self._clock = clock
        join = mapping.specification.join
        self._joiner: Joiner[Mark] | None = Joiner(join) if join is not None else None

    def read(self, data: bytes, mark: Mark) -> list[Outcome[Mark]]:
        """What a line gives at once; InvalidInput when the line as a whole cannot be read."""
        value = decode_object(data)
        if self._joiner is None and not self._mapping.specification.records:
            return [Outcome(self._event(value), "", data, mark)]
        outcomes: list[Outcome[Mark]] = []
        records = list(self._mapping.records(value))
        if not records:
            raise InvalidInput("holds no records where the mapping looks for them")
        if len(records) == 1:
            return self._taken(records[0], data, mark)
        for record in records:
            raw = as_line(record)
            try:
                outcomes += self._taken(record, raw, mark)
            except InvalidInput as error:
                outcomes.append(Outcome(None, str(error), raw, mark))
        return outcomes

    def waited_long_enough(self) -> list[Outcome[Mark]]:
        """What was held back and is given now, because nothing more of it came."""
        return self._wholes(self._joiner.idle(self._clock())) if self._joiner is not None else []

    def rest(self) -> list[Outcome[Mark]]:
        """What is still held back, at the end of the stream."""
        return self._wholes(self._joiner.drain()) if self._joiner is not None else []

    def held_marks(self) -> Iterable[Mark]:
        """Where the lines stand that nothing was given for yet."""
        return self._joiner.marks() if self._joiner is not None else ()

    def _taken(self, record: dict[str, Any], raw: bytes, mark: Mark) -> list[Outcome[Mark]]:
        if self._joiner is not None:
            return self._wholes(self._joiner.add(record, raw, mark, self._clock()))
        return [Outcome(self._event(record), "", raw, mark)]

    def _wholes(self, groups: list[Group[Mark]]) -> list[Outcome[Mark]]:
        assert self._joiner is not None
        outcomes = []
        for group in groups:
            raw = b"\n".join(group.raw)
            try:
                outcomes.append(Outcome(self._event(self._joiner.whole(group)), "", raw, group.mark))
            except InvalidInput as error:
                outcomes.append(Outcome(None, str(error), raw, group.mark))
        return outcomes

    def _event(self, record: dict[str, Any]) -> SentEvent:
        try:
            return self._mapping.event(record)
        except _FAULTS as error:
            raise InvalidInput(explain(error)) from error
