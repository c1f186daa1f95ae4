"""Leads: what they name is looked for backward and forward, until they end; bad ones are refused."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from stormwatch.intel.indicators import load_indicators
from stormwatch.intel.kinds import parse_observable
from stormwatch.intel.lead_hits import lead_hits
from stormwatch.intel.leads import add_lead, get_lead, indicators_of, list_leads, new_lead_id, note_search
from stormwatch.model.errors import Conflict, InvalidInput, NotFound
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, LeadState, SourceKind
from stormwatch.runtime import Runtime
from stormwatch.storage.schemas import DETECTIONS

NOW = 1_770_000_000_000_000


def make_lead(*observables: str, **more: object) -> Lead:
    lead = Lead(
        lead_id=new_lead_id(),
        title="Peer's tip",
        source="Peer A",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade("B", 2),
        tlp=TLP.GREEN,
        pap=PAP.AMBER,
        received_us=NOW,
        actor="THALLIUM",
        observables=tuple(parse_observable(text) for text in observables or ("domain=evil.example",)),
    )
    return replace(lead, **more)  # type: ignore[arg-type]


def test_a_lead_is_kept_whole_and_recorded(runtime: Runtime) -> None:
    lead = make_lead("domain=evil.example", "ip=203.0.113.7", expires_us=NOW + 5)
    add_lead(runtime.database, runtime.ledger, lead, "person-1")
    stored = get_lead(runtime.database, lead.lead_id)
    assert (stored.added_by, stored.decided_by, stored.decided_us) == ("person-1", "person-1", NOW)
    told = replace(stored, observables=(), added_by="system", decided_by=None, decided_us=None)
    assert told == replace(lead, observables=())
    assert set(stored.observables) == set(lead.observables)
    assert list_leads(runtime.database) == (stored,)
    (entry,) = runtime.ledger.entries(kind="lead.added")
    assert (entry.by, entry.subject) == ("person-1", lead.lead_id)
    with pytest.raises(Conflict):
        add_lead(runtime.database, runtime.ledger, lead, "person-1")


def test_its_indicators_hold_for_all_history_and_end_with_it(runtime: Runtime) -> None:
    lead = make_lead(expires_us=NOW + 5)
    add_lead(runtime.database, runtime.ledger, lead, "x")
    (one,) = load_indicators(runtime.database)
    assert indicators_of(lead) == (one,)
    assert (one.lead_id, one.actors, one.confidence) == (lead.lead_id, ("THALLIUM",), 70)
    assert one.valid_at(0)
    assert not one.valid_at(NOW + 5)


@pytest.mark.parametrize(
    "lead",
    [
        make_lead(observables=()),
        make_lead("ip=192.168.1.1"),
        make_lead("ip=127.0.0.1"),
        make_lead("email=someone@example.org"),
        make_lead(expires_us=NOW),
        make_lead(title=" "),
        make_lead(note="x" * 5000),
    ],
)
def test_a_lead_that_cannot_be_followed_is_refused(runtime: Runtime, lead: Lead) -> None:
    with pytest.raises(InvalidInput):
        add_lead(runtime.database, runtime.ledger, lead, "x")
    assert list_leads(runtime.database) == ()
    assert list(runtime.ledger.entries()) == []


def test_searching_moves_leads_on(runtime: Runtime) -> None:
    soon, open_ended = make_lead(expires_us=NOW + 5), make_lead("domain=b.example")
    for lead in (soon, open_ended):
        add_lead(runtime.database, runtime.ledger, lead, "x")
    note_search(runtime.database, NOW + 10)
    assert get_lead(runtime.database, soon.lead_id).state is LeadState.EXPIRED
    assert get_lead(runtime.database, open_ended.lead_id).state is LeadState.SEARCHED


def test_the_answer_counts_accounts_events_and_since_when(runtime: Runtime) -> None:
    lead = make_lead("domain=evil.example", "ip=203.0.113.7")
    add_lead(runtime.database, runtime.ledger, lead, "x")
    first, second = (one.indicator_id for one in indicators_of(lead))
    assert lead_hits(runtime.lake, runtime.database, lead.lead_id).accounts == ()
    rows = [
        {"event_id": "e1", "account_id": "b", "time_us": 30, "indicator_id": first},
        {"event_id": "e1", "account_id": "b", "time_us": 30, "indicator_id": second},
        {"event_id": "", "account_id": "a", "time_us": 10, "indicator_id": second},
        {"event_id": "e2", "account_id": "c", "time_us": 5, "indicator_id": "somebody else's"},
        {"event_id": "e3", "account_id": "c", "time_us": 5, "indicator_id": None},
    ]
    runtime.lake.replace("detections", pa.Table.from_pylist(rows, schema=DETECTIONS))
    answer = lead_hits(runtime.lake, runtime.database, lead.lead_id)
    assert (answer.accounts, answer.events, answer.first_us, answer.last_us) == (("a", "b"), 1, 10, 30)
    assert [len(part.accounts) for part in answer.by_observable] == [1, 2]


def test_an_unknown_lead_is_said(runtime: Runtime) -> None:
    with pytest.raises(NotFound):
        get_lead(runtime.database, "lead-none")
