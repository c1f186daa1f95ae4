"""A lead that can single out a person needs a legal basis and two people; whatever waits is not looked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stormwatch.intel.indicators import load_indicators
from stormwatch.intel.kinds import parse_observable
from stormwatch.intel.lead_decisions import accept_lead, refuse_lead, withdraw_lead
from stormwatch.intel.leads import add_lead, get_lead, list_leads, new_lead_id, note_search
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, LeadState, SourceKind
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import DAY, now_us
from stormwatch.runtime import Runtime

PERSON = "email=somebody@example.org"


@pytest.fixture
def people(runtime: Runtime) -> dict[str, Principal]:
    first = runtime.access.first_administrator()
    assert first is not None
    administrator = runtime.access.authenticate(first[1])
    roles = {"ana": Role.ANALYST, "bob": Role.ANALYST, "paul": Role.APPROVER, "audrey": Role.AUDITOR}
    made = {
        name: runtime.access.authenticate(runtime.access.add_person(administrator, name, role)[1])
        for name, role in roles.items()
    }
    return {**made, "administrator": administrator}


def a_lead(*observables: str, **more: object) -> Lead:
    lead = Lead(
        lead_id=new_lead_id(),
        title="tip",
        source="Peer A",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade("B", 2),
        tlp=TLP.GREEN,
        pap=PAP.GREEN,
        received_us=now_us(),
        observables=tuple(parse_observable(text) for text in observables or ("domain=evil.example",)),
        legal_basis="contract clause on abuse",
    )
    return replace(lead, **more)  # type: ignore[arg-type]


def add(runtime: Runtime, lead: Lead, by: Principal, *, hold: bool = False) -> Lead:
    assert by.person is not None
    return add_lead(runtime.database, runtime.ledger, lead, by.person.person_id, hold=hold)


def test_a_lead_on_a_person_is_looked_for_once_a_second_person_accepts_it(
    runtime: Runtime, people: dict[str, Principal]
) -> None:
    lead = add(runtime, a_lead(PERSON, "domain=evil.example"), people["ana"])
    assert lead.state is LeadState.PROPOSED
    assert load_indicators(runtime.database) == ()
    for own in ("ana",):
        with pytest.raises(Forbidden, match="alone"):
            accept_lead(runtime.database, runtime.ledger, people[own], lead.lead_id)
    for role in ("audrey", "administrator"):
        with pytest.raises(Forbidden):
            accept_lead(runtime.database, runtime.ledger, people[role], lead.lead_id)
    assert load_indicators(runtime.database) == ()
    accepted = accept_lead(runtime.database, runtime.ledger, people["paul"], lead.lead_id)
    assert accepted == get_lead(runtime.database, lead.lead_id)
    assert accepted.state is LeadState.OPEN
    looked_for = {one.observable.value for one in load_indicators(runtime.database)}
    assert looked_for == {"somebody@example.org", "evil.example"}
    (entry,) = runtime.ledger.entries(kind="lead.accepted")
    assert entry.body["legal_basis"] == "contract clause on abuse"
    assert entry.body["added_by"] != entry.by
    with pytest.raises(Conflict):
        accept_lead(runtime.database, runtime.ledger, people["bob"], lead.lead_id)


def test_no_role_change_makes_one_person_two(runtime: Runtime, people: dict[str, Principal]) -> None:
    lead = add(runtime, a_lead(PERSON), people["ana"])
    person = runtime.access.change_role(people["administrator"], "ana", Role.APPROVER)
    with pytest.raises(Forbidden, match="alone"):
        accept_lead(runtime.database, runtime.ledger, replace(people["ana"], person=person), lead.lead_id)


@pytest.mark.parametrize("by", ["system", "somebody who is not here"])
def test_a_lead_on_a_person_is_added_by_somebody(runtime: Runtime, by: str) -> None:
    with pytest.raises(Forbidden, match="in a person's name"):
        add_lead(runtime.database, runtime.ledger, a_lead(PERSON), by)
    assert list_leads(runtime.database) == ()


def test_without_a_legal_basis_it_is_refused(runtime: Runtime, people: dict[str, Principal]) -> None:
    for lead in (a_lead(PERSON, legal_basis=" "), a_lead(names_people=True, legal_basis="")):
        with pytest.raises(InvalidInput, match="legal basis"):
            add(runtime, lead, people["ana"])


def test_saying_that_it_names_people_is_enough(runtime: Runtime, people: dict[str, Principal]) -> None:
    lead = add(runtime, a_lead(names_people=True), people["ana"])
    assert lead.state is LeadState.PROPOSED
    with pytest.raises(Forbidden):
        accept_lead(runtime.database, runtime.ledger, people["ana"], lead.lead_id)


def test_others_are_accepted_by_being_added_unless_held(runtime: Runtime, people: dict[str, Principal]) -> None:
    assert add(runtime, a_lead(), people["ana"]).state is LeadState.OPEN
    held = add(runtime, a_lead(), people["ana"], hold=True)
    assert held.state is LeadState.PROPOSED
    assert accept_lead(runtime.database, runtime.ledger, people["ana"], held.lead_id).state is LeadState.OPEN


def test_a_refused_lead_is_over_and_says_why(runtime: Runtime, people: dict[str, Principal]) -> None:
    lead = add(runtime, a_lead(PERSON), people["ana"])
    with pytest.raises(InvalidInput):
        refuse_lead(runtime.database, runtime.ledger, people["bob"], lead.lead_id, " ")
    refuse_lead(runtime.database, runtime.ledger, people["bob"], lead.lead_id, "a journalist's address")
    refused = get_lead(runtime.database, lead.lead_id)
    assert (refused.state, refused.decision_note) == (LeadState.REFUSED, "a journalist's address")
    assert load_indicators(runtime.database) == ()
    with pytest.raises(Conflict):
        accept_lead(runtime.database, runtime.ledger, people["paul"], lead.lead_id)


def test_a_withdrawn_lead_is_no_longer_watched_for(runtime: Runtime, people: dict[str, Principal]) -> None:
    lead = add(runtime, a_lead(), people["ana"])
    withdraw_lead(runtime.database, runtime.ledger, people["bob"], lead.lead_id, "its source recalled it")
    assert load_indicators(runtime.database) == ()
    stored = get_lead(runtime.database, lead.lead_id)
    assert (stored.state, stored.observables) == (LeadState.WITHDRAWN, lead.observables)
    with pytest.raises(Conflict):
        withdraw_lead(runtime.database, runtime.ledger, people["bob"], lead.lead_id, "again")


def test_a_lead_that_ended_while_it_waited_is_not_accepted(runtime: Runtime, people: dict[str, Principal]) -> None:
    lead = a_lead(PERSON, received_us=now_us() - 3 * DAY, expires_us=now_us() - DAY)
    add(runtime, lead, people["ana"])
    with pytest.raises(Conflict, match="ended"):
        accept_lead(runtime.database, runtime.ledger, people["paul"], lead.lead_id)
    note_search(runtime.database, now_us())
    assert get_lead(runtime.database, lead.lead_id).state is LeadState.EXPIRED
