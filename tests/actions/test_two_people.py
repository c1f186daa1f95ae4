"""No one acts alone: what has to be in place before an action takes effect, and every way round it that must fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from review_floor import MOMENT, Floor
from stormwatch.actions.decisions import decide
from stormwatch.actions.execution import list_actions
from stormwatch.actions.proposal_queue import Proposal, ProposalState, get_proposal, list_proposals
from stormwatch.actions.proposals import approve, decline, propose, withdraw
from stormwatch.cases import review
from stormwatch.cases.queue import get_case
from stormwatch.model.case import Action, ActionKind, CaseState, DecisionState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.principal import Principal, Role, Scope
from stormwatch.model.times import now_us


@pytest.fixture
def case_id(floor: Floor) -> str:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    return floor.reviewed_case().case_id


def _propose(floor: Floor, case_id: str, by: Principal | None = None, **more: Any) -> Proposal:
    kind = more.pop("kind", ActionKind.SUSPEND)
    reason = more.pop("reason_code", "state-affiliated-misuse")
    runtime = floor.runtime
    return propose(runtime.database, runtime.ledger, runtime.lake, by or floor.analyst, case_id, kind, reason, **more)


def _approve(
    floor: Floor, proposal: Proposal, by: Principal | None = None, shown: str | None = None
) -> tuple[Action, ...]:
    runtime, hash_ = floor.runtime, proposal.evidence_hash if shown is None else shown
    return approve(runtime.database, runtime.ledger, runtime.lake, by or floor.approver, proposal.proposal_id, hash_)


def _state(floor: Floor, account_id: str) -> DecisionState:
    return decide(floor.runtime.database, account_id).state


def test_two_people_suspend_and_it_takes_effect_at_once(floor: Floor, case_id: str) -> None:
    proposal = _propose(floor, case_id)
    assert proposal.evidence_hash == floor.file(case_id).digest
    assert _state(floor, "a") is DecisionState.ALLOW
    actions = _approve(floor, proposal)
    assert {action.account_id for action in actions} == {"a", "b"}
    assert {action.evidence_hash for action in actions} == {proposal.evidence_hash}
    decision = decide(floor.runtime.database, "a", appeal_url="https://appeal.example")
    assert (decision.state, decision.reason_code) == (DecisionState.SUSPENDED, "state-affiliated-misuse")
    assert decision.appeal_url == "https://appeal.example"
    assert get_case(floor.runtime.database, case_id).state is CaseState.ACTED
    kinds = [entry.kind for entry in floor.runtime.ledger.entries(subject=case_id)]
    assert kinds.count("action.proposed") == kinds.count("action.approved") == 1
    assert floor.runtime.ledger.verify().ok


def test_nobody_approves_their_own_proposal_whatever_role_they_hold_now(floor: Floor, case_id: str) -> None:
    proposal = _propose(floor, case_id)
    with pytest.raises(Forbidden):
        _approve(floor, proposal, by=floor.analyst)
    with pytest.raises(Forbidden, match="what they proposed"):
        _approve(floor, proposal, by=floor.with_role("ada", Role.APPROVER))
    assert _state(floor, "a") is DecisionState.ALLOW
    assert get_proposal(floor.runtime.database, proposal.proposal_id).state is ProposalState.PENDING


def test_a_session_that_claims_another_role_than_the_database_knows_is_not_believed(floor: Floor, case_id: str) -> None:
    proposal = _propose(floor, case_id)
    ann = floor.people["ann"]
    assert ann.person is not None
    forged = replace(ann, person=replace(ann.person, role=Role.APPROVER))
    with pytest.raises(Forbidden):
        _approve(floor, proposal, by=forged)
    floor.with_role("bea", Role.AUDITOR)
    with pytest.raises(Forbidden):
        _approve(floor, proposal)


def _administrator(floor: Floor) -> Principal:
    return floor.people["administrator"]


def _machine(_: Floor) -> Principal:
    return Principal(None, "token", frozenset({Scope.DECIDE}), "gateway")


def _person_without_scope(floor: Floor) -> Principal:
    return replace(floor.analyst, scopes=frozenset({Scope.INGEST}))


@pytest.mark.parametrize("who", [_administrator, _machine, _person_without_scope, lambda floor: floor.approver])
def test_only_an_analyst_in_person_proposes(floor: Floor, case_id: str, who: Callable[[Floor], Principal]) -> None:
    with pytest.raises(Forbidden):
        _propose(floor, case_id, by=who(floor))
    assert list_proposals(floor.runtime.database) == ()


@pytest.mark.parametrize("who", [_administrator, _machine, lambda floor: replace(floor.approver, scopes=frozenset())])
def test_only_an_approver_in_person_approves(floor: Floor, case_id: str, who: Callable[[Floor], Principal]) -> None:
    proposal = _propose(floor, case_id)
    with pytest.raises(Forbidden):
        _approve(floor, proposal, by=who(floor))


def test_another_hash_than_the_one_shown_approves_nothing_and_voids_nothing(floor: Floor, case_id: str) -> None:
    proposal = _propose(floor, case_id)
    with pytest.raises(Conflict, match="other evidence"):
        _approve(floor, proposal, shown="0" * 64)
    assert len(_approve(floor, proposal)) == 2


@pytest.mark.parametrize("change", ["evidence", "joined", "left", "researcher"])
def test_an_approval_of_a_changed_list_or_evidence_is_void(floor: Floor, case_id: str, change: str) -> None:
    proposal = _propose(floor, case_id)
    if change == "evidence":
        floor.add_evidence("a", kind="return-after-ban")
    elif change == "joined":
        floor.suspect("cluster-1", ["a", "b", "c"])
    elif change == "left":
        floor.suspect("cluster-1", ["a"])
    else:
        floor._put("account_records", [{"account_id": "a", "verified_researcher": True}])
    floor.hunt()
    with pytest.raises(Conflict, match="void"):
        _approve(floor, proposal)
    assert _state(floor, "a") is DecisionState.ALLOW
    stored = get_proposal(floor.runtime.database, proposal.proposal_id)
    assert stored.state is ProposalState.VOID
    assert get_case(floor.runtime.database, case_id).state is CaseState.IN_REVIEW
    with pytest.raises(Conflict, match="void already"):
        _approve(floor, proposal)
    floor.answer_all(case_id)
    assert _approve(floor, _propose(floor, case_id))


def test_a_stale_proposal_gives_way_and_a_current_one_does_not(floor: Floor, case_id: str) -> None:
    first = _propose(floor, case_id)
    with pytest.raises(Conflict, match="waits"):
        _propose(floor, case_id, by=floor.people["ann"])
    floor.add_evidence("b", kind="return-after-ban", innocent_frequency=0.001)
    floor.hunt()
    second = _propose(floor, case_id, by=floor.people["ann"])
    assert get_proposal(floor.runtime.database, first.proposal_id).state is ProposalState.VOID
    assert len(_approve(floor, second)) == 2


def test_unanswered_alternatives_stop_a_proposal(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    case_id = floor.case().case_id
    with pytest.raises(Conflict, match="claim"):
        _propose(floor, case_id)
    review.claim(floor.runtime.database, floor.runtime.ledger, floor.analyst, case_id)
    with pytest.raises(Conflict, match="innocent explanation"):
        _propose(floor, case_id)


def test_an_alternative_that_comes_up_later_voids_the_proposal(floor: Floor, case_id: str) -> None:
    proposal = _propose(floor, case_id)
    floor.suspect("cluster-1", ["a", "b"], compromised=0.5)
    floor.hunt()
    with pytest.raises(Conflict, match="no answer"):
        _approve(floor, proposal)


def test_approving_twice_is_a_conflict_and_acts_once(floor: Floor, case_id: str) -> None:
    proposal = _propose(floor, case_id)
    _approve(floor, proposal)
    with pytest.raises(Conflict, match="approved already"):
        _approve(floor, proposal)
    assert len(list_actions(floor.runtime.database)) == 2


@pytest.mark.parametrize("has_evidence", [True, False])
def test_an_account_that_joins_an_acted_cluster_needs_a_proposal_of_its_own(
    floor: Floor, case_id: str, has_evidence: bool
) -> None:
    _approve(floor, _propose(floor, case_id))
    if not has_evidence:
        floor.evidence["c"] = []
    floor.suspect("cluster-1", ["a", "b", "c"])
    assert floor.hunt() == 1
    assert _state(floor, "c") is DecisionState.ALLOW
    assert get_case(floor.runtime.database, case_id).state is CaseState.OPEN
    floor.reviewed_case()
    second = _propose(floor, case_id)
    assert second.account_ids == ("c",)
    _approve(floor, second)
    assert _state(floor, "c") is DecisionState.SUSPENDED
    assert len(list_actions(floor.runtime.database, case_id=case_id)) == 3


def test_a_proposal_may_name_some_accounts_and_what_is_held_is_not_proposed_again(floor: Floor, case_id: str) -> None:
    _approve(floor, _propose(floor, case_id, account_ids=["a"], kind=ActionKind.LIMIT))
    assert (_state(floor, "a"), _state(floor, "b")) == (DecisionState.LIMIT, DecisionState.ALLOW)
    review.claim(floor.runtime.database, floor.runtime.ledger, floor.analyst, case_id)
    with pytest.raises(Conflict, match="under this"):
        _propose(floor, case_id, account_ids=["a"], kind=ActionKind.LIMIT)
    _approve(floor, _propose(floor, case_id))
    assert (_state(floor, "a"), _state(floor, "b")) == (DecisionState.SUSPENDED, DecisionState.SUSPENDED)


def test_accounts_reasons_and_times_that_make_no_sense_are_refused(floor: Floor, case_id: str) -> None:
    with pytest.raises(InvalidInput):
        _propose(floor, case_id, account_ids=["stranger"])
    with pytest.raises(Conflict):
        _propose(floor, case_id, account_ids=[])
    with pytest.raises(NotFound, match="reason code"):
        _propose(floor, case_id, reason_code="because")
    with pytest.raises(InvalidInput):
        _propose(floor, case_id, until_us=MOMENT)
    assert list_proposals(floor.runtime.database) == ()


def test_an_action_with_an_end_is_over_when_it_ends(floor: Floor, case_id: str) -> None:
    until = now_us() + 60_000_000
    _approve(floor, _propose(floor, case_id, until_us=until))
    assert decide(floor.runtime.database, "a", now_us=until - 1).state is DecisionState.SUSPENDED
    assert decide(floor.runtime.database, "a", now_us=until).state is DecisionState.ALLOW


@pytest.mark.parametrize(("end", "name", "state"), [(decline, "bea", "declined"), (withdraw, "ann", "withdrawn")])
def test_a_proposal_can_be_turned_down_or_taken_back(
    floor: Floor, case_id: str, end: Callable[..., None], name: str, state: str
) -> None:
    runtime, proposal = floor.runtime, _propose(floor, case_id)
    with pytest.raises(InvalidInput):
        end(runtime.database, runtime.ledger, floor.people[name], proposal.proposal_id, " ")
    end(runtime.database, runtime.ledger, floor.people[name], proposal.proposal_id, "too thin")
    assert get_proposal(runtime.database, proposal.proposal_id).state == state
    assert get_case(runtime.database, case_id).state is CaseState.IN_REVIEW
    with pytest.raises(Conflict):
        _approve(floor, proposal)


def test_a_newcomer_that_was_weighed_and_left_alone_does_not_reopen_a_closed_case(floor: Floor, case_id: str) -> None:
    runtime = floor.runtime
    _approve(floor, _propose(floor, case_id))
    floor.evidence["c"] = []
    floor.suspect("cluster-1", ["a", "b", "c"])
    assert floor.hunt() == 1
    review.claim(runtime.database, runtime.ledger, floor.analyst, case_id)
    review.close(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "the newcomer is a visitor")
    assert floor.hunt() == 0
    floor.suspect("cluster-1", ["a", "b", "c", "d"])
    assert floor.hunt() == 1


def test_an_acted_case_is_not_cleared_while_an_action_is_in_effect(floor: Floor, case_id: str) -> None:
    runtime = floor.runtime
    _approve(floor, _propose(floor, case_id))
    review.claim(runtime.database, runtime.ledger, floor.analyst, case_id)
    with pytest.raises(Conflict, match="in effect"):
        review.clear(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "a class")
    review.close(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, "done")
