"""Kinds, ends and embargoes: what each does to an account and when, and that the ledger and the gateways are told."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from acting import acted, approved, kinds_on_ledger, proposal_on, round_of
from http_gateway import HttpGateway, running_gateway
from review_floor import Floor
from stormwatch.actions.decisions import decide
from stormwatch.actions.dry_run import dry_run
from stormwatch.actions.embargo import release_due, release_now
from stormwatch.actions.ending import end_what_is_over
from stormwatch.actions.execution import list_actions
from stormwatch.actions.outbox import waiting_orders
from stormwatch.actions.planner import plan
from stormwatch.actions.progress import Stage, standings
from stormwatch.actions.reversal import reverse
from stormwatch.actions.terms import LONGEST_EMBARGO, Terms
from stormwatch.cases.outcomes import suspended_accounts
from stormwatch.cases.queue import get_case
from stormwatch.model.case import ActionKind, CaseState, DecisionState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput
from stormwatch.model.principal import Role
from stormwatch.model.times import DAY, HOUR, now_us
from stormwatch.storage.tables.actions import actions, decisions, proposals


def state(floor: Floor, account_id: str) -> DecisionState:
    return decide(floor.runtime.database, account_id).state


def time_passes(floor: Floor, column: str, *tables) -> None:  # type: ignore[no-untyped-def]
    with floor.runtime.database.write() as connection:
        for table in tables:
            connection.execute(update(table).values({column: now_us() - 1}))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (ActionKind.WATCH, DecisionState.ALLOW),
        (ActionKind.VERIFY, DecisionState.LIMIT),
        (ActionKind.LIMIT, DecisionState.LIMIT),
        (ActionKind.SUSPEND, DecisionState.SUSPENDED),
        (ActionKind.TERMINATE, DecisionState.SUSPENDED),
        (ActionKind.ROTATE_KEY, DecisionState.ALLOW),
    ],
)
def test_each_kind_has_its_state_and_keeps_out_only_as_it_says(
    floor: Floor, kind: ActionKind, wanted: DecisionState
) -> None:
    acted(floor, kind=kind)
    assert state(floor, "a") is wanted
    assert (suspended_accounts(floor.runtime.database) == {"a", "b"}) is (wanted is DecisionState.SUSPENDED)


def test_a_graver_action_leaves_nothing_milder_to_ask_for_but_new_keys(floor: Floor) -> None:
    acted(floor, kind=ActionKind.SUSPEND)
    for kind in (ActionKind.WATCH, ActionKind.VERIFY, ActionKind.LIMIT, ActionKind.SUSPEND):
        with pytest.raises(Conflict, match="graver"):
            proposal_on(floor, kind=kind)
    approved(floor, proposal_on(floor, kind=ActionKind.ROTATE_KEY))
    acted(floor, kind=ActionKind.TERMINATE)
    with pytest.raises(Conflict, match="graver"):
        proposal_on(floor, kind=ActionKind.SUSPEND)


@pytest.mark.parametrize("kind", [ActionKind.TERMINATE, ActionKind.ROTATE_KEY])
def test_what_is_meant_to_stay_has_no_end(floor: Floor, kind: ActionKind) -> None:
    with pytest.raises(InvalidInput, match="no end"):
        proposal_on(floor, kind=kind, until_us=now_us() + DAY)


def test_an_action_ends_by_itself_at_the_gateway_too(floor: Floor) -> None:
    acted(floor, until_us=now_us() + HOUR)
    runtime = floor.runtime
    with running_gateway() as gateway:
        port = HttpGateway(gateway.url())
        round_of(floor, [port])
        assert end_what_is_over(runtime.database, runtime.ledger) == ()
        time_passes(floor, "until_us", actions, decisions)
        done = round_of(floor, [port])
        assert {action.account_id for action in done.ended} == {"a", "b"}
        assert gateway.kept().states == {"a": "allow", "b": "allow"}
    assert {standing.stage for standing in standings(runtime.database)} == {Stage.OVER}
    assert all(action.reversed_us is None and action.ended_us for action in list_actions(runtime.database))
    assert kinds_on_ledger(floor).count("action.expired") == 2
    assert suspended_accounts(runtime.database) == frozenset()
    with pytest.raises(Conflict, match="over"):
        reverse(runtime.database, runtime.ledger, floor.approver, [list_actions(runtime.database)[0].action_id], "why")
    assert runtime.ledger.verify().ok


def test_the_end_of_one_action_leaves_another_in_effect(floor: Floor) -> None:
    acted(floor, kind=ActionKind.LIMIT)
    acted(floor, until_us=now_us() + HOUR)
    with floor.runtime.database.write() as connection:
        for table in (actions, decisions):
            connection.execute(update(table).where(table.c.until_us.is_not(None)).values(until_us=now_us() - 1))
    end_what_is_over(floor.runtime.database, floor.runtime.ledger)
    assert state(floor, "a") is DecisionState.LIMIT


def test_under_an_embargo_nothing_is_told_and_then_everything_at_once(floor: Floor) -> None:
    runtime, until = floor.runtime, now_us() + 3 * DAY
    acted(floor, not_before_us=until)
    with running_gateway() as gateway:
        port = HttpGateway(gateway.url())
        round_of(floor, [port])
        assert (state(floor, "a"), gateway.kept().calls) == (DecisionState.ALLOW, [])
        assert waiting_orders(runtime.database) == 0
        assert suspended_accounts(runtime.database) == frozenset()
        assert [clock.accounts for clock in plan(runtime.database, runtime.lake, floor.case().case_id).clocks] == [2]

        floor.suspect("cluster-1", ["a", "b", "c"])  # an account is found meanwhile: a proposal of its own
        assert floor.hunt() == 1
        assert {action.account_id for action in acted(floor, not_before_us=until)} == {"c"}

        time_passes(floor, "not_before_us", proposals)
        done = round_of(floor, [port])
        assert {action.account_id for action in done.release.in_force} == {"a", "b", "c"}
        assert gateway.kept().states == dict.fromkeys("abc", "suspended")
    moments = {action.effective_us for action in list_actions(runtime.database)}
    assert len(moments) == 1
    assert kinds_on_ledger(floor).count("action.released") == 2
    assert release_due(runtime.database, runtime.ledger, runtime.lake).in_force == ()
    assert runtime.ledger.verify().ok


def test_who_lost_the_ground_for_it_during_the_embargo_stays_back(floor: Floor) -> None:
    runtime = floor.runtime
    acted(floor, not_before_us=now_us() + DAY)
    floor._put("account_records", [{"account_id": "a", "verified_researcher": True}])
    floor.suspect("cluster-1", ["a", "b"])
    time_passes(floor, "not_before_us", proposals)
    found = release_due(runtime.database, runtime.ledger, runtime.lake)
    assert found.held_back == (("a", "it is a verified researcher's"),)
    assert (state(floor, "a"), state(floor, "b")) == (DecisionState.ALLOW, DecisionState.SUSPENDED)
    assert get_case(runtime.database, floor.case().case_id).state is CaseState.IN_REVIEW
    assert kinds_on_ledger(floor).count("action.held-back") == 1


def test_whom_no_hunt_suspects_any_more_stays_back(floor: Floor) -> None:
    runtime = floor.runtime
    acted(floor, not_before_us=now_us() + DAY)
    del floor.subjects["cluster-1"]
    floor.hunt()
    time_passes(floor, "not_before_us", proposals)
    assert len(release_due(runtime.database, runtime.ledger, runtime.lake).held_back) == 2
    assert state(floor, "a") is DecisionState.ALLOW


def test_an_embargo_is_ended_early_by_an_approver_who_did_not_propose(floor: Floor) -> None:
    runtime = floor.runtime
    proposal = proposal_on(floor, not_before_us=now_us() + DAY)
    stores = (runtime.database, runtime.ledger, runtime.lake)
    with pytest.raises(Conflict, match="no embargo"):
        release_now(*stores, floor.approver, proposal.proposal_id, "they noticed")
    approved(floor, proposal)
    with pytest.raises(Forbidden):
        release_now(*stores, floor.analyst, proposal.proposal_id, "they noticed")
    with pytest.raises(Forbidden, match="what they proposed"):
        release_now(*stores, floor.with_role("ada", Role.APPROVER), proposal.proposal_id, "they noticed")
    with pytest.raises(InvalidInput):
        release_now(*stores, floor.approver, proposal.proposal_id, " ")
    release_now(*stores, floor.approver, proposal.proposal_id, "they noticed")
    assert state(floor, "a") is DecisionState.SUSPENDED
    assert kinds_on_ledger(floor).count("action.embargo-lifted") == 1


def test_what_an_embargo_holds_back_can_be_called_off(floor: Floor) -> None:
    runtime = floor.runtime
    taken = acted(floor, not_before_us=now_us() + DAY)
    reverse(runtime.database, runtime.ledger, floor.approver, [action.action_id for action in taken], "a class")
    time_passes(floor, "not_before_us", proposals)
    assert release_due(runtime.database, runtime.ledger, runtime.lake).in_force == ()
    assert waiting_orders(runtime.database) == 0
    assert get_case(runtime.database, floor.case().case_id).state is CaseState.IN_REVIEW


@pytest.mark.parametrize("offset", [-HOUR, LONGEST_EMBARGO + HOUR])
def test_an_embargo_begins_in_the_future_and_does_not_outlast_its_evidence(floor: Floor, offset: int) -> None:
    with pytest.raises(InvalidInput, match="embargo"):
        proposal_on(floor, not_before_us=now_us() + offset)


def test_a_dry_run_shows_what_a_proposal_would_carry_and_changes_nothing(floor: Floor) -> None:
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    runtime, case_id = floor.runtime, floor.case().case_id
    before = runtime.ledger.checkpoint().size
    terms = Terms(ActionKind.SUSPEND, "fraud")
    early = dry_run(runtime.database, runtime.lake, case_id, terms)
    assert "some innocent explanations have no answer yet" in early.in_the_way
    assert runtime.ledger.checkpoint().size == before
    floor.reviewed_case()
    acted(floor, kind=ActionKind.LIMIT, account_ids=["a"])
    found = dry_run(runtime.database, runtime.lake, case_id, terms)
    assert [(change.account_id, change.before, change.after) for change in found.changes] == [
        ("a", DecisionState.LIMIT, DecisionState.SUSPENDED),
        ("b", DecisionState.ALLOW, DecisionState.SUSPENDED),
    ]
    assert proposal_on(floor).evidence_hash == found.evidence_hash


def test_a_plan_tells_both_ways_with_their_figures(floor: Floor) -> None:
    runtime = floor.runtime
    first = 1_700_000_000_000_000 // DAY
    asked = [("a", day) for day in range(-3, 5)] + [("b", 2)]
    rows = [
        {
            "account_id": account,
            "day": first + day,
            "events": 10,
            "refused": 0,
            "tool_calls": 0,
            "blocked": 2,
            **dict.fromkeys(("errors", "retries", "quick_gaps", "gaps", "input_tokens", "output_tokens"), 0),
            **dict.fromkeys(("first_us", "last_us"), (first + day) * DAY + HOUR),
        }
        for account, day in asked
    ]
    floor._put("account_day", rows)
    floor.suspect("cluster-1", ["a", "b"])
    floor.hunt()
    found = plan(runtime.database, runtime.lake, floor.case().case_id, until_us=now_us() + 14 * DAY)
    assert (found.accounts, found.with_own_evidence, found.acted_on) == (2, 2, 0)
    assert found.requests_last_week == 80
    assert any("about 160 requests" in line for line in found.all_at_once)
    assert any("at most 50 of 90 requests" in line for line in found.as_found)
    assert any("1 account of the case came after" in line for line in found.as_found)
    assert any("turned away" in line for line in found.signs)
    assert any("1 account fell silent" in line for line in found.signs)
    floor.reviewed_case()
    acted(floor, kind=ActionKind.LIMIT, account_ids=["a"])
    again = plan(runtime.database, runtime.lake, floor.case().case_id)
    assert again.acted_on == 1
    assert any("under an action" in line for line in again.signs)
