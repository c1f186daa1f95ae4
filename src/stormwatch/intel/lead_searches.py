"""The record of each search for a lead: which period was searched, found or not, which accounts and events, since when.

It stays inside: what leaves for the lead's source is decided by the sharing room, after people decided on a case.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, insert, select, update

from stormwatch.intel.lead_hits import LeadAnswer, ObservableHits, answer_of, lead_hits
from stormwatch.ledger.log import Ledger
from stormwatch.model.ids import new_id
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.intel import lead_findings, lead_searches

# So many of an account's events are named a search; `events` counts all.
_EVENTS_NAMED: Final = 100


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a search went through: times of the first and last event (None: no events), and how many events.

    Of `without_artefacts` events the texts have not been gone through yet; the next hunt does that.
    """

    from_us: int | None
    until_us: int | None
    events: int
    without_artefacts: int


@dataclass(frozen=True, slots=True)
class LeadFinding:
    """One account that showed one observable: in how many events, from when to when, and some of the events' ids."""

    account_id: str
    observable: Observable
    events: int
    first_us: int
    last_us: int
    event_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeadSearch:
    """An answer of the store: made at `searched_us`, and still the same at `watched_until_us`."""

    search_id: str
    lead_id: str
    searched_us: int
    watched_until_us: int
    coverage: Coverage
    events: int
    findings: tuple[LeadFinding, ...]

    @property
    def hits(self) -> LeadAnswer:
        """The same by account and by observable."""
        by_observable: dict[Observable, list[LeadFinding]] = {}
        for one in self.findings:
            by_observable.setdefault(one.observable, []).append(one)
        parts = tuple(
            ObservableHits(named, tuple(sorted({one.account_id for one in group})), sum(one.events for one in group))
            for named, group in sorted(by_observable.items())
        )
        return LeadAnswer(
            self.lead_id,
            tuple(sorted({one.account_id for one in self.findings})),
            self.events,
            min((one.first_us for one in self.findings), default=None),
            max((one.last_us for one in self.findings), default=None),
            parts,
        )


def coverage_of(lake: Lake) -> Coverage:
    """What is there to be searched, from the files' own statistics."""
    manifest = lake.manifest()
    files = [file for file in manifest.tables.get("events", ()) if file.rows]
    scanned = {file.segment for file in manifest.tables.get("observables", ())}
    bounds = [bound for file in files for bound in _times(lake, file.path)]
    return Coverage(
        min(bounds, default=None),
        max(bounds, default=None),
        sum(file.rows for file in files),
        sum(file.rows for file in files if file.segment not in scanned),
    )


def keep_search(
    connection: Connection,
    ledger: Ledger,
    lead_id: str,
    by: str,
    coverage: Coverage,
    found: tuple[Mapping[str, Observable], pa.Table],
    now_us: int,
) -> None:
    """Records what a search found: `found` are the lead's observables by indicator id, and detections.

    Nothing new prolongs the record that is there; anything else makes a new one, which goes on the ledger.
    """
    named, detections = found
    answer = answer_of(lead_id, named, detections)
    findings = tuple(_findings(named, detections))
    digest = hashlib.sha256(repr((answer.events, findings)).encode()).hexdigest()
    covered = {
        "watched_until_us": now_us,
        "from_us": coverage.from_us,
        "until_us": coverage.until_us,
        "events_searched": coverage.events,
        "without_artefacts": coverage.without_artefacts,
    }
    before = connection.execute(_latest(lead_id)).first()
    if before is not None and before.digest == digest:
        same = lead_searches.c.search_id == before.search_id
        connection.execute(update(lead_searches).where(same).values(**covered))
        return
    search_id = new_id("search")
    row = {"search_id": search_id, "lead_id": lead_id, "searched_us": now_us, "events": answer.events, "digest": digest}
    connection.execute(insert(lead_searches).values(**row, **covered))
    if findings:
        connection.execute(insert(lead_findings), [_finding_row(search_id, one) for one in findings])
    body: dict[str, str | int | None] = {
        "search_id": search_id,
        "found": "yes" if findings else "no",
        "accounts": len(answer.accounts),
        "events": answer.events,
        "events_searched": coverage.events,
        "first_us": answer.first_us,
    }
    ledger.append(connection, "lead.searched", by, lead_id, body)


def latest_search(database: Database, lead_id: str) -> LeadSearch | None:
    """The newest record; None when the lead was never searched for."""
    with database.read() as connection:
        row = connection.execute(_latest(lead_id)).first()
        if row is None:
            return None
        query = select(lead_findings).where(lead_findings.c.search_id == row.search_id).order_by(*lead_findings.c)
        findings = tuple(_finding(one) for one in connection.execute(query))
    coverage = Coverage(row.from_us, row.until_us, row.events_searched, row.without_artefacts)
    return LeadSearch(row.search_id, lead_id, row.searched_us, row.watched_until_us, coverage, row.events, findings)


def found_of(lake: Lake, database: Database, lead_id: str) -> LeadAnswer:
    """What is known of a lead: its newest search, else what the lake's detections say."""
    search = latest_search(database, lead_id)
    return lead_hits(lake, database, lead_id) if search is None else search.hits


def _latest(lead_id: str) -> Any:
    newest = (lead_searches.c.searched_us.desc(), lead_searches.c.search_id.desc())
    return select(lead_searches).where(lead_searches.c.lead_id == lead_id).order_by(*newest).limit(1)


def _times(lake: Lake, path: str) -> Sequence[int]:
    """The first and last time of a file of events."""
    with pq.ParquetFile(lake.root / path) as file:
        place = file.schema_arrow.get_field_index("time_us")
        statistics = [file.metadata.row_group(n).column(place).statistics for n in range(file.metadata.num_row_groups)]
        if all(one is not None and one.has_min_max for one in statistics):
            return [bound for one in statistics for bound in (one.min, one.max)]
        bounds = pc.min_max(file.read(columns=["time_us"])["time_us"]).as_py()
    return [bounds["min"], bounds["max"]]


def _findings(named: Mapping[str, Observable], detections: pa.Table) -> Iterator[LeadFinding]:
    wanted = detections.filter(pc.is_in(detections["indicator_id"], value_set=pa.array(sorted(named), pa.string())))
    grouped = wanted.group_by(["account_id", "indicator_id"], use_threads=False).aggregate(
        [("time_us", "min"), ("time_us", "max"), ("event_id", "distinct")]
    )
    ordered = grouped.sort_by([("account_id", "ascending"), ("indicator_id", "ascending")])
    for row in ordered.to_pylist():
        events = sorted(event for event in row["event_id_distinct"] if event)
        yield LeadFinding(
            row["account_id"],
            named[row["indicator_id"]],
            len(events),
            row["time_us_min"],
            row["time_us_max"],
            tuple(events[:_EVENTS_NAMED]),
        )


def _finding_row(search_id: str, one: LeadFinding) -> Mapping[str, Any]:
    return {
        "search_id": search_id,
        "account_id": one.account_id,
        "kind": one.observable.kind.value,
        "value": one.observable.value,
        "events": one.events,
        "first_us": one.first_us,
        "last_us": one.last_us,
        "event_ids": "\n".join(one.event_ids),
    }


def _finding(row: Any) -> LeadFinding:
    return LeadFinding(
        row.account_id,
        Observable(ObservableKind(row.kind), row.value),
        row.events,
        row.first_us,
        row.last_us,
        tuple(line for line in row.event_ids.split("\n") if line),
    )
