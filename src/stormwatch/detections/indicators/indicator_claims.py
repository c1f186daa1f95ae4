"""Rows whose value is indicated, times what each indicator claims of that value: detections, as whole columns."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.model.detection import DetectionKind
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import ObservableKind
from stormwatch.storage.schemas import DETECTIONS

# How specific a match of each kind is, 0 to 1: a network holds many, a host serves many, a hash is one file.
_SPECIFICITY: Final = {
    ObservableKind.IPV4: 0.7,
    ObservableKind.IPV6: 0.7,
    ObservableKind.CIDR: 0.4,
    ObservableKind.DOMAIN: 0.7,
    ObservableKind.URL: 0.9,
    ObservableKind.EMAIL: 0.8,
    ObservableKind.SHA256: 0.9,
    ObservableKind.SHA1: 0.9,
    ObservableKind.MD5: 0.85,
    ObservableKind.SOFTWARE: 0.3,
    ObservableKind.USER_AGENT: 0.4,
    ObservableKind.TLS: 0.4,
}
_OTHER_SPECIFICITY: Final = 0.5
# What a source that states no confidence is taken to have (STIX leaves it open).
_CONFIDENCE_UNSTATED: Final = 60
_OUTSIDE_VALIDITY: Final = 0.25
_NEVER: Final = np.iinfo(np.int64).max
_SUFFIXES: Final = ("", ":not-yet-valid", ":expired")
_IN_TIME, _EARLY, _LATE = range(3)

_Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows that matched: how such a detection is named, which distinct value each has, and whose they are and when.

    `keys` has event_id, account_id and time_us; a null time is unknown, and validity cannot be judged.
    """

    rule_id: str
    kind: DetectionKind
    observable_kind: ObservableKind | None
    values: _Integers
    keys: pa.Table


class Claims:
    """Distinct values and the indicators on each."""

    def __init__(self, said: Sequence[tuple[str, Sequence[Indicator]]]) -> None:
        self._texts = [text for text, _ in said]
        self._counts = np.array([len(indicators) for _, indicators in said], dtype=np.int64)
        self._starts = np.cumsum(self._counts) - self._counts
        numbers: dict[str, int] = {}
        self._indicators: list[Indicator] = []
        flat: list[int] = []
        for _, indicators in said:
            for indicator in indicators:
                if indicator.indicator_id not in numbers:
                    numbers[indicator.indicator_id] = len(self._indicators)
                    self._indicators.append(indicator)
                flat.append(numbers[indicator.indicator_id])
        self._flat = np.array(flat, dtype=np.int64)

    def detections(self, hits: Hits) -> pa.Table:
        """One detection a row and indicator."""
        counts = self._counts[hits.values]
        rows = np.repeat(np.arange(len(hits.values)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        which = self._flat[self._starts[hits.values][rows] + within]
        times, timing = self._timing(hits.keys["time_us"], rows, which)
        kept = np.flatnonzero(~((timing == _LATE) & self._of_leads()[which]))
        return self._table(hits, rows[kept], which[kept], times[kept], timing[kept])

    def _timing(self, column: pa.ChunkedArray, rows: _Integers, which: _Integers) -> tuple[_Integers, _Integers]:
        """When each was, and whether that is before, in or after the time for which the source vouches."""
        starts = np.array([one.valid_from_us for one in self._indicators], dtype=np.int64)[which]
        ends = np.array(
            [_NEVER if one.valid_until_us is None else one.valid_until_us for one in self._indicators], dtype=np.int64
        )[which]
        known = pc.is_valid(column).to_numpy(zero_copy_only=False)[rows]
        times = np.where(known, pc.fill_null(column, 0).to_numpy()[rows], starts)
        timing = np.where(times < starts, _EARLY, np.where(times >= ends, _LATE, _IN_TIME))
        return times, np.where(known, timing, _IN_TIME)

    def _of_leads(self) -> npt.NDArray[np.bool_]:
        return np.array([one.lead_id is not None for one in self._indicators], dtype=bool)

    def _table(self, hits: Hits, rows: _Integers, which: _Integers, times: _Integers, timing: _Integers) -> pa.Table:
        size, value = len(rows), pa.array(hits.values[rows])
        scores = np.array([_scores(one) for one in self._indicators]).reshape(-1, 2)
        keys = hits.keys.take(pa.array(rows))
        columns = {
            "event_id": keys["event_id"],
            "account_id": keys["account_id"],
            "time_us": pa.array(times),
            "rule_id": pa.array([hits.rule_id + suffix for suffix in _SUFFIXES]).take(pa.array(timing)),
            "rule_version": pa.array([_version(one) for one in self._indicators]).take(pa.array(which)),
            "kind": pa.repeat(hits.kind.value, size),
            "techniques": pa.ListArray.from_arrays(
                pa.repeat(pa.scalar(0, pa.int32()), size + 1), pa.array([], pa.string())
            ),
            "score": pa.array(scores[which, (timing != _IN_TIME).astype(np.int64)]),
            "shadow": pa.repeat(False, size),  # noqa: FBT003 - a value of the column
            "topic": pa.nulls(size, pa.string()),
            "observable_kind": pa.array([self._kind(hits, text) for text in self._texts]).take(value),
            "observable_value": pa.array(self._texts).take(value),
            "indicator_id": pa.array([one.indicator_id for one in self._indicators]).take(pa.array(which)),
        }
        return pa.table(columns).select(DETECTIONS.names).cast(DETECTIONS)

    @staticmethod
    def _kind(hits: Hits, text: str) -> str:
        address = ObservableKind.IPV6 if ":" in text else ObservableKind.IPV4
        return (hits.observable_kind or address).value


def _scores(indicator: Indicator) -> tuple[float, float]:
    """The score of a hit in time, and of one outside it."""
    confidence = _CONFIDENCE_UNSTATED if indicator.confidence is None else indicator.confidence
    score = _SPECIFICITY.get(indicator.observable.kind, _OTHER_SPECIFICITY) * confidence / 100
    return round(score, 4), round(score * _OUTSIDE_VALIDITY, 4)


def _version(indicator: Indicator) -> str:
    content = f"{indicator.indicator_id}\t{indicator.observable.value}\t{indicator.confidence}"
    return hashlib.sha256(
        f"{content}\t{indicator.valid_from_us}\t{indicator.valid_until_us}".encode("utf-8", "replace")
    ).hexdigest()[:12]
