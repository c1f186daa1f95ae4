"""Indicators against what connected, what was pasted and who signed up: detections with the indicator that matched.

Distinct values are looked up, never every event. A hit outside the time for which its source vouches is kept under a
rule id of its own (`...:expired`, `...:not-yet-valid`) with a quarter of the score; a lead that has ended hits nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.detections.indicators.indicator_claims import Claims, Hits
from stormwatch.detections.indicators.indicator_index import IndicatorIndex
from stormwatch.detections.indicators.value_filter import ValueFilter
from stormwatch.detections.rows import sort_detections
from stormwatch.model.detection import DetectionKind
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.schemas import DETECTIONS

CONNECTION_COLUMNS: Final = ("source_ip", "user_agent", "tls_fingerprint")
KEY_COLUMNS: Final = ("event_id", "account_id", "time_us")

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Place:
    """One sort of value: how to tell which are indicated, what is indicated of one, and how the hits are named."""

    rule_id: str
    kind: DetectionKind
    observable_kind: ObservableKind | None
    indicated: Callable[[pa.Array], _Mask]
    look_up: Callable[[str], list[Indicator]]


class IndicatorMatcher:
    """Matches tables of the lake against one list of indicators."""

    def __init__(self, index: IndicatorIndex) -> None:
        self._index = index
        self._filter = ValueFilter(index)

    def events(self, connections: pa.Table, keys: Callable[[pa.Array], pa.Table]) -> pa.Table:
        """Matches addresses, user agents and TLS fingerprints of events.

        `keys` gives event id, account id and time of the rows that it is handed the numbers of; it is asked only where
        something matched.
        """
        found = [self._column(place, connections[name], keys) for name, place in self._connection_places().items()]
        return sort_detections(pa.concat_tables(found))

    def observables(self, observables: pa.Table) -> pa.Table:
        """Matches artefacts from texts. One stood in several fields of an event counts once."""
        found = [DETECTIONS.empty_table()]
        for kind_name in pc.unique(observables["kind"]).to_pylist():
            part = observables.filter(pc.equal(observables["kind"], kind_name))
            found.append(self._artefacts(ObservableKind(kind_name), part))
        return sort_detections(pa.concat_tables(found))

    def sign_ups(self, records: pa.Table) -> pa.Table:
        """Matches address and e-mail domain that accounts signed up with, the last known value of each account.

        Such a detection has no event (id ""); its time is that of the sign-up or, where that is unknown, the start of
        the indicator's validity.
        """
        accounts = _last_known(records)
        keys = pa.table(
            {
                "event_id": pa.array([""] * accounts.num_rows, pa.string()),
                "account_id": accounts["account_id"],
                "time_us": accounts["created_us"],
            }
        )
        found = [self._column(place, accounts[name], keys.take) for name, place in self._sign_up_places().items()]
        return sort_detections(pa.concat_tables(found))

    def _connection_places(self) -> dict[str, _Place]:
        agent, tls = ObservableKind.USER_AGENT, ObservableKind.TLS
        told = DetectionKind.INDICATOR
        return {
            "source_ip": _Place("indicator:source-ip", told, None, self._filter.addresses, self._index.of_address),
            "user_agent": _Place(
                "indicator:user-agent", told, agent, self._filter.user_agents, self._index.of_user_agent
            ),
            "tls_fingerprint": _Place(
                "indicator:tls-fingerprint",
                told,
                tls,
                lambda values: self._filter.exact(tls, values),
                lambda value: self._index.of_value(tls, value),
            ),
        }

    def _sign_up_places(self) -> dict[str, _Place]:
        told = DetectionKind.INDICATOR
        return {
            "signup_ip": _Place("indicator:signup-ip", told, None, self._filter.addresses, self._index.of_address),
            "email_domain": _Place(
                "indicator:email-domain", told, ObservableKind.DOMAIN, self._filter.domains, self._index.of_domain
            ),
        }

    def _artefacts(self, kind: ObservableKind, part: pa.Table) -> pa.Table:
        place = _Place(
            f"artefact:{kind.value}",
            DetectionKind.ARTEFACT,
            kind,
            lambda values: self._filter.observables(kind, values),
            lambda value: self._index.of_observable(Observable(kind, value)),
        )
        values, codes = _encoded(part["value"])
        hit = place.indicated(values)
        rows = np.flatnonzero(hit[codes]) if hit.any() else np.empty(0, dtype=np.int64)
        once = part.take(pa.array(rows)).group_by([*KEY_COLUMNS, "value"], use_threads=False).aggregate([])
        return self._column(place, once["value"], once.select(KEY_COLUMNS).take)

    def _column(self, place: _Place, column: pa.ChunkedArray, keys: Callable[[pa.Array], pa.Table]) -> pa.Table:
        values, codes = _encoded(column)
        hit = np.append(place.indicated(values), False)  # the last place stands for null
        if not hit.any():
            return DETECTIONS.empty_table()
        rows = np.flatnonzero(hit[codes])
        known = np.flatnonzero(hit)
        number = np.zeros(len(hit), dtype=np.int64)
        number[known] = np.arange(len(known))
        texts = values.take(pa.array(known)).to_pylist()
        claims = Claims([(text, place.look_up(text)) for text in texts])
        hits = Hits(place.rule_id, place.kind, place.observable_kind, number[codes[rows]], keys(pa.array(rows)))
        return claims.detections(hits)


def _encoded(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Distinct values of a column, and for each row which of them it has (-1: none)."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    if not encoded.num_chunks:
        return pa.array([], pa.string()), np.empty(0, dtype=np.int64)
    whole = encoded.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0)
    codes = pc.fill_null(whole.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    return whole.dictionary, codes


def _last_known(records: pa.Table) -> pa.Table:
    columns = ("created_us", "signup_ip", "email_domain")
    by_account = records.select(["account_id", *columns]).group_by("account_id", use_threads=False)
    last = by_account.aggregate([(name, "last") for name in columns])
    return last.select(["account_id", *(f"{name}_last" for name in columns)]).rename_columns(["account_id", *columns])
