"""What a lead found: accounts, events and times, read from detections that carry its indicators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.intel import indicators

_COLUMNS = ["event_id", "account_id", "time_us", "indicator_id"]


@dataclass(frozen=True, slots=True)
class ObservableHits:
    """How one observable of a lead was seen."""

    observable: Observable
    accounts: tuple[str, ...]
    events: int


@dataclass(frozen=True, slots=True)
class LeadAnswer:
    """The accounts a lead hits, how many events, and since when (microseconds; None when nothing was found).

    A sign-up that matches counts for its account and its time, and is no event.
    """

    lead_id: str
    accounts: tuple[str, ...]
    events: int
    first_us: int | None
    last_us: int | None
    by_observable: tuple[ObservableHits, ...] = ()


def lead_hits(lake: Lake, database: Database, lead_id: str) -> LeadAnswer:
    """The answer as of the last hunt."""
    with database.read() as connection:
        named = {
            row.indicator_id: Observable(ObservableKind(row.kind), row.value)
            for row in connection.execute(select(indicators).where(indicators.c.lead_id == lead_id))
        }
    return answer_of(lead_id, named, lake.read("detections", _COLUMNS, where=of_indicators(named)))


def of_indicators(named: Mapping[str, Observable]) -> pc.Expression:
    """Which detections are of these indicators."""
    return pc.field("indicator_id").isin(pa.array(sorted(named), pa.string()))


def answer_of(lead_id: str, named: Mapping[str, Observable], detections: pa.Table) -> LeadAnswer:
    """The answer that detections give; `named` are the lead's observables by indicator id."""
    found = detections.filter(pc.is_in(detections["indicator_id"], value_set=pa.array(sorted(named), pa.string())))
    if not found.num_rows:
        return LeadAnswer(lead_id, (), 0, None, None)
    times = pc.min_max(found["time_us"]).as_py()
    by_observable = [
        ObservableHits(observable, _accounts(part), _events(part))
        for indicator_id, observable in sorted(named.items(), key=lambda item: item[1])
        if (part := found.filter(pc.equal(found["indicator_id"], indicator_id))).num_rows
    ]
    return LeadAnswer(lead_id, _accounts(found), _events(found), times["min"], times["max"], tuple(by_observable))


def _accounts(rows: pa.Table) -> tuple[str, ...]:
    return tuple(sorted(pc.unique(rows["account_id"]).to_pylist()))


def _events(rows: pa.Table) -> int:
    keys = set(zip(rows["account_id"].to_pylist(), rows["event_id"].to_pylist(), strict=True))
    return sum(1 for _, event_id in keys if event_id)
