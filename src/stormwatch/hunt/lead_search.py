"""Leads through all history: at once when one is accepted, and again at the end of each hunt while they are watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from stormwatch.detections.indicators.indicator_index import IndicatorIndex
from stormwatch.detections.indicators.matching import IndicatorMatcher
from stormwatch.detections.indicators.retro_hunt import match_segments, segments_of
from stormwatch.intel.lead_hits import of_indicators
from stormwatch.intel.lead_searches import LeadSearch, coverage_of, keep_search, latest_search
from stormwatch.intel.leads import get_lead, indicators_of, list_leads, note_search, set_searched
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.errors import Conflict
from stormwatch.model.intel import Lead, LeadState
from stormwatch.model.observable import Observable
from stormwatch.model.progress import ProgressReport
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import DETECTIONS

_STEP = "history"
_SEARCHABLE = (LeadState.OPEN, LeadState.SEARCHED, LeadState.ANSWERED)
_COLUMNS = ["event_id", "account_id", "time_us", "indicator_id"]


@dataclass(frozen=True, slots=True)
class LeadStores:
    """Where a search looks and where it is recorded."""

    lake: Lake
    database: Database
    ledger: Ledger


def search_lead(
    stores: LeadStores, lead_id: str, *, by: str = SYSTEM, progress: ProgressReport | None = None
) -> LeadSearch:
    """Searches all that is in the lake for an accepted lead and records the answer; no text is opened.

    The lead stays open while there are texts that no hunt has gone through: what was pasted is then not known yet.

    Raises Conflict when the lead may not be searched for: it waits for acceptance, was refused, withdrawn, or ended.
    """
    lead = get_lead(stores.database, lead_id)
    _require_searchable(lead)
    coverage = coverage_of(stores.lake)
    found = _through_history(stores.lake, lead, progress or (lambda _step, _done, _total: None))
    with stores.database.write() as connection:
        keep_search(connection, stores.ledger, lead_id, by, coverage, (_named(lead), found), now_us())
        if coverage.events and not coverage.without_artefacts:
            set_searched(connection, lead_id)
    made = latest_search(stores.database, lead_id)
    assert made is not None
    return made


def record_searches(stores: LeadStores, moment_us: int) -> None:
    """At the end of a hunt, when all indicators were matched: records for each watched lead what there is of it."""
    watched = [lead for lead in list_leads(stores.database) if _is_watched(lead, moment_us)]
    if watched:
        coverage = coverage_of(stores.lake)
        named = {lead.lead_id: _named(lead) for lead in watched}
        everything = {key: value for one in named.values() for key, value in one.items()}
        found = stores.lake.read("detections", _COLUMNS, where=of_indicators(everything))
        with stores.database.write() as connection:
            for lead in watched:
                given = (named[lead.lead_id], found)
                keep_search(connection, stores.ledger, lead.lead_id, SYSTEM, coverage, given, moment_us)
    note_search(stores.database, moment_us)


def _through_history(lake: Lake, lead: Lead, progress: ProgressReport) -> pa.Table:
    matcher = IndicatorMatcher(IndicatorIndex(indicators_of(lead)))
    segments = segments_of(lake, lake.manifest())
    total, done = sum(one.rows for one in segments), 0
    found: Sequence[pa.Table] = [DETECTIONS.empty_table(), matcher.sign_ups(lake.read("account_records"))]
    for segment, rows in match_segments(matcher, segments, lambda _segment, rows: rows):
        found = [*found, rows] if rows.num_rows else found
        done += segment.rows
        progress(_STEP, done, total)
    return pa.concat_tables(found)


def _require_searchable(lead: Lead) -> None:
    if lead.state is LeadState.PROPOSED:
        raise Conflict(
            "this lead waits for acceptance, and nothing is searched before",
            where=lead.lead_id,
            remedy="another analyst or approver accepts it with `stormwatch lead accept`",
        )
    if lead.state not in _SEARCHABLE:
        raise Conflict(f"this lead is {lead.state.value} and no longer searched for", where=lead.lead_id)


def _is_watched(lead: Lead, moment_us: int) -> bool:
    return lead.state in _SEARCHABLE and (
        lead.expires_us is None or lead.expires_us > moment_us or lead.state is LeadState.OPEN
    )


def _named(lead: Lead) -> dict[str, Observable]:
    return {one.indicator_id: one.observable for one in indicators_of(lead)}
