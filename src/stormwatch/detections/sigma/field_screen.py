"""Which events of a batch a rule could hold for by its fields alone, column by column instead of event by event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.detections.sigma.conditions import AllOf, AnyOf, Condition, FieldMatch, NoneOf, PairMatch
from stormwatch.detections.sigma.field_tests import Mask


class FieldScreen:
    """The columns of one batch of events, each test put to the distinct values of its column once."""

    def __init__(self, events: pa.Table) -> None:
        self._events: Final = events
        self._masks: dict[tuple[str, ...], Mask] = {}
        self._encoded: dict[str, tuple[np.ndarray[Any, Any], list[Any]]] = {}

    def possible(self, condition: Condition) -> Mask:
        """True for every event for which the condition holds, and for few others: a text may say anything."""
        return self._bound(condition, upper=True)

    def _bound(self, condition: Condition, *, upper: bool) -> Mask:
        if isinstance(condition, AllOf | AnyOf):
            masks = [self._bound(part, upper=upper) for part in condition.parts]
            combine = np.logical_and if isinstance(condition, AllOf) else np.logical_or
            return np.asarray(combine.reduce(masks), dtype=np.bool_)
        if isinstance(condition, NoneOf):
            return ~self._bound(condition.part, upper=not upper)
        if isinstance(condition, FieldMatch):
            return self._kept((condition.field, condition.described), lambda: self._field(condition))
        if isinstance(condition, PairMatch):
            key = (condition.field, condition.other, condition.described)
            return self._kept(key, lambda: self._pair(condition))
        return np.full(self._events.num_rows, upper, dtype=np.bool_)

    def _kept(self, key: tuple[str, ...], make: Callable[[], Mask]) -> Mask:
        if key not in self._masks:
            self._masks[key] = make()
        return self._masks[key]

    def _field(self, match: FieldMatch) -> Mask:
        of_column = getattr(match.test, "of_column", None)
        column = self._events[match.field]
        if of_column is not None and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            here = column.is_valid().to_numpy()
            mask: Mask = np.zeros(self._events.num_rows, dtype=np.bool_)
            mask[here] = of_column(column.drop_null().to_numpy())
            return mask
        codes, values = self._codes(match.field)
        answers = np.fromiter((match.test(value) for value in values), np.bool_, len(values))
        return np.asarray(answers[codes], dtype=np.bool_)

    def _pair(self, match: PairMatch) -> Mask:
        left, mine = self._codes(match.field)
        right, others = self._codes(match.other)
        pairs, places = np.unique(left * len(others) + right, return_inverse=True)
        answers = (match.test(mine[pair // len(others)], others[pair % len(others)]) for pair in pairs.tolist())
        return np.asarray(np.fromiter(answers, np.bool_, len(pairs))[places], dtype=np.bool_)

    def _codes(self, name: str) -> tuple[np.ndarray[Any, Any], list[Any]]:
        """The distinct values of a column (null is one) and the place of each event's value among them."""
        if name not in self._encoded:
            encoded = pc.dictionary_encode(self._events[name], null_encoding="encode").combine_chunks()
            if isinstance(encoded, pa.ChunkedArray):
                encoded = pa.concat_arrays(encoded.chunks) if encoded.num_chunks else pa.array([]).dictionary_encode()
            codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
            self._encoded[name] = codes, encoded.dictionary.to_pylist()
        return self._encoded[name]


def candidates(conditions: Iterable[tuple[int, Condition]], events: pa.Table) -> Mapping[int, tuple[int, ...]]:
    """For each event (by its place) the numbers of the conditions that its fields do not rule out."""
    screen = FieldScreen(events)
    found: dict[int, list[int]] = {}
    for number, condition in conditions:
        for place in np.flatnonzero(screen.possible(condition)).tolist():
            found.setdefault(place, []).append(number)
    return {place: tuple(numbers) for place, numbers in found.items()}
