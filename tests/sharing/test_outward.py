"""What leaves: only after two people decided, only by those who may, always on the ledger; leads are answered alike."""

from __future__ import annotations

import hashlib
import json

import pyarrow as pa
import pytest

from review_floor import MOMENT, Floor
from stormwatch.actions.proposals import approve, propose
from stormwatch.intel.kinds import parse_observable
from stormwatch.intel.leads import add_lead, get_lead, indicators_of, new_lead_id, note_search
from stormwatch.model.case import ActionKind, Case
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, LeadState, SourceKind
from stormwatch.sharing.bundle import BundleTerms
from stormwatch.sharing.gathering import gather
from stormwatch.sharing.lead_answers import LeadReply, answer_lead
from stormwatch.sharing.outward import Shared, share_case
from stormwatch.sharing.pseudonyms import Pseudonyms
from stormwatch.storage.schemas import DETECTIONS


def add_tip(floor: Floor, *observables: str, tlp: TLP = TLP.GREEN) -> Lead:
    lead = Lead(
        lead_id=new_lead_id(),
        title="tip",
        source="Peer A",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade("B", 2),
        tlp=tlp,
        pap=PAP.GREEN,
        received_us=MOMENT,
        observables=tuple(parse_observable(text) for text in observables),
    )
    return add_lead(floor.runtime.database, floor.runtime.ledger, lead, "system")


def detect(floor: Floor, lead: Lead, account_id: str) -> None:
    rows = [
        {
            "event_id": f"{account_id}-e{number}",
            "account_id": account_id,
            "time_us": MOMENT + number,
            "kind": "indicator",
            "techniques": [],
            "shadow": False,
            "observable_kind": one.observable.kind.value,
            "observable_value": one.observable.value,
            "indicator_id": one.indicator_id,
        }
        for number, one in enumerate(indicators_of(lead))
    ]
    rows.append(
        {"event_id": "r", "account_id": account_id, "time_us": MOMENT, "techniques": ["LLM-04"], "shadow": False}
    )
    floor.runtime.lake.replace("detections", pa.Table.from_pylist(rows, schema=DETECTIONS))
    note_search(floor.runtime.database, MOMENT)


def suspend(floor: Floor) -> Case:
    case = floor.reviewed_case()
    parts = (floor.runtime.database, floor.runtime.ledger, floor.runtime.lake)
    proposal = propose(*parts, floor.analyst, case.case_id, ActionKind.SUSPEND, "state-affiliated-misuse")
    approve(*parts, floor.approver, proposal.proposal_id, proposal.evidence_hash)
    return case


def share(floor: Floor, case_id: str, by: str = "ada", tlp: TLP = TLP.AMBER) -> Shared:
    runtime = floor.runtime
    material = gather(runtime.database, runtime.lake, case_id, {})
    terms = BundleTerms("Example Models", tlp, Pseudonyms(runtime.keyring, "Peer A"), MOMENT)
    return share_case(runtime.database, runtime.ledger, floor.people[by], material, terms)


def answer(floor: Floor, lead: Lead, case_id: str | None) -> LeadReply:
    runtime = floor.runtime
    return answer_lead(runtime.database, runtime.ledger, runtime.lake, floor.analyst, lead.lead_id, case_id=case_id)


@pytest.fixture
def lead(floor: Floor) -> Lead:
    lead = add_tip(floor, "domain=evil.example", "domain=mail.gmail.com")
    floor.suspect("a", ["a"])
    floor.hunt()
    detect(floor, lead, "a")
    return lead


def test_nothing_leaves_before_two_people_decided(floor: Floor, lead: Lead) -> None:
    with pytest.raises(Conflict, match="two people"):
        share(floor, floor.case().case_id)
    assert list(floor.runtime.ledger.entries(kind="case.shared")) == []
    with pytest.raises(NotFound):
        share(floor, "case-none")


def test_a_share_is_on_the_ledger_with_its_digest(floor: Floor, lead: Lead) -> None:
    case = suspend(floor)
    shared = share(floor, case.case_id)
    (entry,) = floor.runtime.ledger.entries(kind="case.shared")
    assert entry.body["sha256"] == shared.digest == hashlib.sha256(shared.text).hexdigest()
    assert entry.body["audience"] == "Peer A"
    bundle = json.loads(shared.text)
    patterns = [one["pattern"] for one in bundle["objects"] if one["type"] == "indicator"]
    assert patterns == ["[domain-name:value = 'evil.example']"]
    assert shared.shared.withheld == {"shared infrastructure": 1}
    assert [one["name"] for one in bundle["objects"] if one["type"] == "attack-pattern"] == [
        "LLM-supported social engineering"
    ]


def test_only_analysts_and_approvers_share(floor: Floor, lead: Lead) -> None:
    case = suspend(floor)
    with pytest.raises(Forbidden):
        share(floor, case.case_id, by="administrator")


def test_a_stricter_lead_stays_here(floor: Floor) -> None:
    strict = add_tip(floor, "domain=secret.example", tlp=TLP.AMBER_STRICT)
    floor.suspect("a", ["a"])
    floor.hunt()
    detect(floor, strict, "a")
    shared = share(floor, suspend(floor).case_id)
    assert b"secret.example" not in shared.text
    assert shared.shared.withheld.total() == 1


def test_found_needs_a_decided_case_with_conduct_of_its_own(floor: Floor, lead: Lead) -> None:
    with pytest.raises(Conflict, match="two people"):
        answer(floor, lead, floor.case().case_id)
    case = suspend(floor)
    with pytest.raises(Conflict, match="untrue"):
        answer(floor, lead, None)
    reply = answer(floor, lead, case.case_id)
    assert (reply.answer, reply.accounts, reply.first_us) == ("found", 1, MOMENT)
    assert get_lead(floor.runtime.database, lead.lead_id).state is LeadState.ANSWERED
    (entry,) = floor.runtime.ledger.entries(kind="lead.answered")
    assert entry.body["case_id"] == case.case_id
    with pytest.raises(Conflict, match="has been answered"):
        answer(floor, lead, None)


def test_the_leads_own_words_are_no_finding(floor: Floor) -> None:
    lead = add_tip(floor, "domain=evil.example")
    floor.add_evidence("a", kind="indicator-hit", group="indicator")
    floor.suspect("a", ["a"])
    floor.hunt()
    detect(floor, lead, "a")
    case = suspend(floor)
    with pytest.raises(Conflict, match="lead alone"):
        answer(floor, lead, case.case_id)


def test_a_case_that_the_lead_did_not_hit_is_no_answer(floor: Floor, lead: Lead) -> None:
    case = suspend(floor)
    other = add_tip(floor, "domain=other.example")
    with pytest.raises(Conflict, match="not been searched"):
        answer(floor, other, None)
    note_search(floor.runtime.database, MOMENT)
    with pytest.raises(InvalidInput, match="none of the accounts"):
        answer(floor, other, case.case_id)
    assert answer(floor, other, None).answer == "not-found"
