"""The outbox against a real HTTP gateway: keys, back-off, dead letters, and one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from sqlalchemy import select

from acting import acted, kinds_on_ledger, round_of
from http_gateway import GatewayDouble, HttpGateway, running_gateway
from review_floor import Floor
from stormwatch.actions.delivery import Effort, deliver
from stormwatch.actions.outbox import list_waiting, requeue, waiting_orders
from stormwatch.actions.ports import DeliveryFailed, Order
from stormwatch.actions.progress import Stage, progress_of, standings
from stormwatch.actions.reversal import reverse
from stormwatch.model.case import ActionKind, DecisionState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.times import HOUR, SECOND
from stormwatch.storage.sole import sole
from stormwatch.storage.tables.actions import outbox


@pytest.fixture
def gateway() -> Iterator[GatewayDouble]:
    with running_gateway() as running:
        yield running


def stages(floor: Floor) -> list[Stage]:
    return [standing.stage for standing in standings(floor.runtime.database)]


def test_a_call_that_is_repeated_carries_the_same_key(floor: Floor, gateway: GatewayDouble) -> None:
    acted(floor)
    gateway.kept().failing = 2
    port = HttpGateway(gateway.url())
    assert round_of(floor, [port]).delivery.verified == 0
    assert round_of(floor, [port]).delivery.verified == 2
    calls = gateway.kept().calls
    assert len(calls) == 4
    assert len(set(calls)) == 2
    assert all(key.isascii() and key.isprintable() and " " not in key and len(key) < 100 for key in calls)


def test_a_replayed_call_changes_nothing_at_the_gateway(floor: Floor, gateway: GatewayDouble) -> None:
    (first, _) = acted(floor)
    port = HttpGateway(gateway.url())
    round_of(floor, [port])
    key = next(key for key, account, _ in gateway.kept().effects if account == first.account_id)
    reverse(floor.runtime.database, floor.runtime.ledger, floor.approver, [first.action_id], "a class")
    round_of(floor, [port])
    again = Order(1, first.action_id, first.account_id, DecisionState.SUSPENDED, "fraud", None, key)
    port.apply(again)  # somebody replays what was sent before
    assert gateway.kept().states[first.account_id] == "allow"


def test_a_gateway_that_took_an_order_and_did_nothing_is_told_under_another_key(
    floor: Floor, gateway: GatewayDouble
) -> None:
    acted(floor, account_ids=["a"])
    gateway.kept().deaf = True
    port = HttpGateway(gateway.url())
    assert "answers allow for a instead of suspended" in round_of(floor, [port]).delivery.failures[0]
    gateway.kept().deaf = False
    assert round_of(floor, [port]).delivery.verified == 1
    assert len(set(gateway.kept().calls)) == 2


def test_an_order_waits_longer_each_time_and_then_for_a_person(floor: Floor, gateway: GatewayDouble) -> None:
    acted(floor, account_ids=["a"])
    gateway.kept().failing = 5
    port, pauses = HttpGateway(gateway.url()), []
    for attempt in range(1, 5):
        report = round_of(floor, [port], most_attempts=5).delivery
        assert (report.given_up, len(report.failures)) == (0, 1)
        (order,) = list_waiting(floor.runtime.database)
        with floor.runtime.database.read() as connection:
            pauses.append(connection.execute(select(outbox.c.next_try_us - outbox.c.created_us)).scalar_one())
        assert order.attempts == attempt
    assert all(later > sooner for sooner, later in pairwise(pauses))
    assert 5 * SECOND <= pauses[0] < HOUR
    assert round_of(floor, [port], most_attempts=5).delivery.given_up == 1
    assert stages(floor) == [Stage.GIVEN_UP]
    assert round_of(floor, [port]).delivery.verified == 0  # nobody tries any more
    assert gateway.kept().calls == [gateway.kept().calls[0]] * 5
    assert kinds_on_ledger(floor).count("order.given-up") == 1


def test_a_person_has_what_was_given_up_tried_again(floor: Floor, gateway: GatewayDouble) -> None:
    acted(floor)
    gateway.kept().failing = 2
    port, runtime = HttpGateway(gateway.url()), floor.runtime
    assert round_of(floor, [port], most_attempts=1).delivery.given_up == 2
    dead = list_waiting(runtime.database, dead=True)
    assert [order.account_id for order in dead] == ["a", "b"]
    assert progress_of(standings(runtime.database)).failed == 2
    with pytest.raises(Forbidden):
        requeue(runtime.database, runtime.ledger, floor.people["administrator"])
    with pytest.raises(InvalidInput):
        requeue(runtime.database, runtime.ledger, floor.analyst, [])
    with pytest.raises(NotFound):
        requeue(runtime.database, runtime.ledger, floor.analyst, [dead[0].order_id, 999])
    assert len(requeue(runtime.database, runtime.ledger, floor.analyst)) == 2
    with pytest.raises(Conflict, match="not given up"):
        requeue(runtime.database, runtime.ledger, floor.analyst, [dead[0].order_id])
    assert round_of(floor, [port]).delivery.verified == 2
    assert kinds_on_ledger(floor).count("order.requeued") == 2
    assert sorted(gateway.kept().effects_on("a")) == ["suspended"]


def test_a_reversal_ends_an_order_that_was_given_up(floor: Floor, gateway: GatewayDouble) -> None:
    (action,) = acted(floor, account_ids=["a"])
    gateway.kept().failing = 1
    port = HttpGateway(gateway.url())
    round_of(floor, [port], most_attempts=1)
    reverse(floor.runtime.database, floor.runtime.ledger, floor.approver, [action.action_id], "a mistake")
    round_of(floor, [port])
    assert waiting_orders(floor.runtime.database) == 0
    assert gateway.kept().effects_on("a") == ["allow"]
    assert stages(floor) == [Stage.REVERSED]


def test_a_gateway_that_is_away_is_left_alone_and_holds_up_no_other(floor: Floor, gateway: GatewayDouble) -> None:
    accounts = [f"acct-{number}" for number in range(6)]
    floor.suspect("cluster-1", accounts)
    floor.hunt()
    floor.reviewed_case()
    acted(floor)
    away, here = HttpGateway("http://127.0.0.1:9", "away"), HttpGateway(gateway.url(), "here")
    report = round_of(floor, [away, here]).delivery
    assert (report.verified, len(report.failures), report.left) == (0, 3, 3)
    assert set(gateway.kept().states) == set(accounts)
    assert sorted(order.attempts for order in list_waiting(floor.runtime.database)) == [0, 0, 0, 1, 1, 1]
    assert progress_of(standings(floor.runtime.database)).failed == 3


def test_an_order_that_an_adapter_cannot_carry_holds_up_no_other(floor: Floor, gateway: GatewayDouble) -> None:
    class Stumbles(HttpGateway):
        def apply(self, order: Order) -> None:
            if order.account_id == "a":
                raise ValueError("a bug")
            super().apply(order)

    acted(floor)
    report = round_of(floor, [Stumbles(gateway.url())]).delivery
    assert (report.verified, report.failures) == (1, ("http-double: ValueError",))


def test_whoever_comes_while_another_delivers_leaves_it_to_them(floor: Floor, gateway: GatewayDouble) -> None:
    acted(floor)
    runtime, port = floor.runtime, HttpGateway(gateway.url())
    with sole(runtime.database, "deliveries") as alone:
        assert alone
        assert deliver(runtime.database, runtime.ledger, [port], effort=Effort(wait_seconds=0)).busy
    assert gateway.kept().calls == []
    assert deliver(runtime.database, runtime.ledger, [port]).verified == 2


def test_the_place_is_held_once_on_either_database(either_database) -> None:  # type: ignore[no-untyped-def]
    with sole(either_database, "x") as first, sole(either_database, "x") as second, sole(either_database, "y") as other:
        assert (first, second, other) == (True, False, True)
    with sole(either_database, "x") as again:
        assert again


@dataclass
class Keysmith:
    """A gateway that can rotate keys, and may leave an old one valid."""

    name: str = "keysmith"
    rotated: list[str] = field(default_factory=list)
    left_open: bool = True

    def probe(self, account_id: str) -> DecisionState:
        raise DeliveryFailed(f"nobody asks for the state of {account_id} here")

    def apply(self, order: Order) -> None:
        raise DeliveryFailed("a rotation is no state")

    def rotate_keys(self, order: Order) -> None:
        self.rotated.append(order.idempotency_key)

    def keys_rotated(self, order: Order) -> bool:
        return not self.left_open


def test_keys_are_rotated_where_a_gateway_can_and_the_account_goes_on(floor: Floor, gateway: GatewayDouble) -> None:
    (action,) = acted(floor, kind=ActionKind.ROTATE_KEY, account_ids=["a"])
    smith, plain = Keysmith(), HttpGateway(gateway.url())
    assert "answers old keys for a instead of new keys alone" in round_of(floor, [smith, plain]).delivery.failures[0]
    smith.left_open = False
    assert round_of(floor, [smith, plain]).delivery.verified == 1
    assert len(set(smith.rotated)) == 2
    assert gateway.kept().calls == []
    assert stages(floor) == [Stage.VERIFIED]
    with pytest.raises(Conflict, match="stay so"):
        reverse(floor.runtime.database, floor.runtime.ledger, floor.approver, [action.action_id], "why")
    assert len(acted(floor, kind=ActionKind.ROTATE_KEY, account_ids=["a"])) == 1  # once more, if it must be


def test_where_no_gateway_can_rotate_keys_a_person_hears_of_it_at_once(floor: Floor, gateway: GatewayDouble) -> None:
    (action,) = acted(floor, kind=ActionKind.ROTATE_KEY, account_ids=["a"])
    assert round_of(floor, [HttpGateway(gateway.url())]).delivery.given_up == 1
    (order,) = list_waiting(floor.runtime.database, dead=True)
    assert order.last_error == "no gateway of this installation can rotate keys"
    reverse(floor.runtime.database, floor.runtime.ledger, floor.approver, [action.action_id], "done by hand")
    assert waiting_orders(floor.runtime.database) == 0
