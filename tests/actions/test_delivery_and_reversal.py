"""From the decision list to the gateway and back: receipts that are probed, retries, and undoing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import delete, select

from review_floor import Floor
from stormwatch.actions.decisions import all_decisions, decide
from stormwatch.actions.delivery import deliver, waiting_orders
from stormwatch.actions.execution import list_actions
from stormwatch.actions.ports import DeliveryFailed, Order
from stormwatch.actions.proposals import approve, propose
from stormwatch.actions.reversal import reverse
from stormwatch.adapters.decision_endpoint import DecisionEndpoint, decision_endpoint
from stormwatch.cases.queue import get_case
from stormwatch.cases.review import claim
from stormwatch.hunt.exports.actions import action_rows
from stormwatch.hunt.exports.cases import case_rows
from stormwatch.model.case import Action, ActionKind, CaseState, DecisionState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput
from stormwatch.storage.tables.actions import decisions, outbox, receipts
from stormwatch.storage.tables.cases import outcomes


@dataclass
class Recorder:
    """A gateway that remembers its orders and may be made to fail or to lie."""

    name: str = "recorder"
    orders: list[Order] = field(default_factory=list)
    broken: bool = False
    lie: DecisionState | None = None

    def apply(self, order: Order) -> None:
        if self.broken:
            raise DeliveryFailed("the gateway is away")
        self.orders.append(order)

    def probe(self, account_id: str) -> DecisionState:
        if self.lie is not None:
            return self.lie
        return next(order.state for order in reversed(self.orders) if order.account_id == account_id)


def _act(floor: Floor, kind: ActionKind = ActionKind.SUSPEND) -> Sequence[Action]:
    if not floor.subjects:
        floor.suspect("cluster-1", ["a", "b"])
        floor.hunt()
        floor.reviewed_case()
    runtime, case_id = floor.runtime, floor.case().case_id
    proposal = propose(runtime.database, runtime.ledger, runtime.lake, floor.analyst, case_id, kind, "fraud")
    args = (runtime.database, runtime.ledger, runtime.lake, floor.approver)
    return approve(*args, proposal.proposal_id, proposal.evidence_hash)


def _endpoint(floor: Floor) -> DecisionEndpoint:
    return decision_endpoint(floor.runtime.database, floor.runtime.settings)


def test_an_action_counts_as_verified_only_after_the_probe(floor: Floor) -> None:
    _act(floor)
    database, ledger = floor.runtime.database, floor.runtime.ledger
    assert all(action.verified_us is None for action in list_actions(database))
    report = deliver(database, ledger, [_endpoint(floor)])
    assert (report.verified, report.failures, waiting_orders(database)) == (2, (), 0)
    assert all(action.acknowledged_us and action.verified_us for action in list_actions(database))
    assert len(list(ledger.entries(kind="action.verified"))) == 2


def test_delivering_twice_changes_nothing(floor: Floor) -> None:
    _act(floor)
    database, ledger, gateway = floor.runtime.database, floor.runtime.ledger, Recorder()
    deliver(database, ledger, [gateway])
    before = (list_actions(database), len(list(ledger.entries())), len(gateway.orders))
    assert deliver(database, ledger, [gateway], all_waiting=True).verified == 0
    assert (list_actions(database), len(list(ledger.entries())), len(gateway.orders)) == before


def test_a_gateway_that_says_yes_and_does_nothing_is_not_believed(floor: Floor) -> None:
    _act(floor)
    database, gateway = floor.runtime.database, Recorder(lie=DecisionState.ALLOW)
    report = deliver(database, floor.runtime.ledger, [gateway])
    assert report.verified == 0
    assert "answers allow for a instead of suspended" in report.failures[0]
    assert all(action.acknowledged_us and action.verified_us is None for action in list_actions(database))


def test_a_decision_list_that_lost_its_row_is_noticed(floor: Floor) -> None:
    _act(floor)
    with floor.runtime.database.write() as connection:
        connection.execute(delete(decisions))
    assert deliver(floor.runtime.database, floor.runtime.ledger, [_endpoint(floor)]).verified == 0


def test_an_absent_gateway_is_tried_again_later_and_holds_up_no_other(floor: Floor) -> None:
    _act(floor)
    database, ledger, gateway = floor.runtime.database, floor.runtime.ledger, Recorder(broken=True)
    assert len(deliver(database, ledger, [_endpoint(floor), gateway]).failures) == 2
    assert all(action.verified_us is None for action in list_actions(database))
    gateway.broken = False
    with database.read() as connection:
        put_off = connection.execute(select(outbox.c.next_try_us - outbox.c.created_us)).scalars().all()
    assert all(pause >= 5_000_000 for pause in put_off)
    assert deliver(database, ledger, [_endpoint(floor), gateway], all_waiting=True).verified == 2
    assert all(action.verified_us for action in list_actions(database))
    with database.read() as connection:
        kept = connection.execute(select(receipts)).all()
    assert len(kept) == 4
    assert all(row.requested_us <= row.acknowledged_us <= row.verified_us for row in kept)


def test_reversal_allows_at_once_and_is_delivered_and_recorded(floor: Floor) -> None:
    actions = _act(floor)
    database, ledger, gateway = floor.runtime.database, floor.runtime.ledger, Recorder()
    deliver(database, ledger, [gateway])
    reversed_ = reverse(database, ledger, floor.approver, [action.action_id for action in actions], "a class")
    assert all(action.reversed_us and action.reversed_by for action in reversed_)
    assert decide(database, "a").state is DecisionState.ALLOW
    assert all_decisions(database) == ()
    assert deliver(database, ledger, [gateway]).verified == 2
    assert [order.state for order in gateway.orders] == ["suspended", "suspended", "allow", "allow"]
    assert get_case(database, floor.case().case_id).state is CaseState.IN_REVIEW
    with database.read() as connection:
        known = connection.execute(select(outcomes.c.outcome).where(outcomes.c.account_id == "a")).scalars().all()
    assert known == ["suspended", "reinstated"]
    assert len(list(ledger.entries(kind="action.reversed"))) == 2
    assert ledger.verify().ok


def test_reversal_needs_an_approver_a_reason_and_something_to_reverse(floor: Floor) -> None:
    (first, second) = _act(floor)
    database, ledger = floor.runtime.database, floor.runtime.ledger
    for by in (floor.analyst, floor.people["administrator"]):
        with pytest.raises(Forbidden):
            reverse(database, ledger, by, [first.action_id], "why")
    with pytest.raises(InvalidInput):
        reverse(database, ledger, floor.approver, [first.action_id], " ")
    with pytest.raises(InvalidInput):
        reverse(database, ledger, floor.approver, [], "why")
    reverse(database, ledger, floor.approver, [first.action_id], "why")
    with pytest.raises(Conflict):
        reverse(database, ledger, floor.approver, [first.action_id, second.action_id], "why")
    assert decide(database, second.account_id).state is DecisionState.SUSPENDED
    assert get_case(database, floor.case().case_id).state is CaseState.ACTED


def test_an_order_that_never_arrived_is_not_carried_out_after_its_reversal(floor: Floor) -> None:
    actions = _act(floor)
    database, ledger, gateway = floor.runtime.database, floor.runtime.ledger, Recorder()
    reverse(database, ledger, floor.approver, [action.action_id for action in actions], "a mistake")
    deliver(database, ledger, [gateway])
    assert [order.state for order in gateway.orders] == ["allow", "allow"]


def test_reversing_the_graver_action_leaves_the_lighter_one(floor: Floor) -> None:
    _act(floor, ActionKind.LIMIT)
    claim(floor.runtime.database, floor.runtime.ledger, floor.analyst, floor.case().case_id)
    suspended = _act(floor)
    database = floor.runtime.database
    assert decide(database, "a").state is DecisionState.SUSPENDED
    reverse(database, floor.runtime.ledger, floor.approver, [action.action_id for action in suspended], "milder")
    assert decide(database, "a").state is DecisionState.LIMIT


def test_watching_leaves_an_account_alone(floor: Floor) -> None:
    _act(floor, ActionKind.WATCH)
    assert decide(floor.runtime.database, "a").state is DecisionState.ALLOW
    assert deliver(floor.runtime.database, floor.runtime.ledger, [_endpoint(floor)]).verified == 2


def test_exported_rows_carry_the_fields_of_the_public_tables_and_no_names(floor: Floor) -> None:
    actions = _act(floor)
    runtime = floor.runtime
    deliver(runtime.database, runtime.ledger, [_endpoint(floor)])
    reverse(runtime.database, runtime.ledger, floor.approver, [actions[0].action_id], "a class")
    rows = list(action_rows(runtime.database))
    assert {row.account_id for row in rows} == {"a", "b"}
    assert all(row.proposed_by != row.approved_by and row.verified_time and row.evidence_hash for row in rows)
    assert sorted(row.reversed_time is None for row in rows) == [False, True]
    assert not any(name in repr(rows) for name in ("ada", "bea"))
    (case,) = case_rows(runtime.database, runtime.lake)
    assert (case.state, case.account_ids, case.cluster_id) == ("acted", ["a", "b"], "cluster-1")
    assert sum(hypothesis.probability for hypothesis in case.hypotheses) == pytest.approx(1.0)
    assert sorted(case.actions) == sorted(row.action_id for row in rows)
