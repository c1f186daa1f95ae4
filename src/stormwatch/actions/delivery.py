"""Carries the outbox to the gateways and keeps receipts: requested, acknowledged, verified by the gateway's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from stormwatch.actions.decisions import decision_in, ordered_state
from stormwatch.actions.execution import APPLY
from stormwatch.actions.ports import DeliveryFailed, Gateway, Order
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.times import HOUR, SECOND, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, outbox, receipts

_FIRST_PAUSE: Final = 5 * SECOND
_MOST_DOUBLINGS: Final = 12


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """How many orders every gateway has verified, and the failures of the others (they are tried again later)."""

    verified: int
    failures: tuple[str, ...] = ()


def deliver(
    database: Database, ledger: Ledger, gateways: Sequence[Gateway], *, all_waiting: bool = False
) -> DeliveryReport:
    """Tells the gateways what is due and probes each; safe to call at any time and from several processes.

    `all_waiting` also takes orders whose pause after a failure is not over. Without gateways nothing is done.
    """
    failures: list[str] = []
    verified = 0
    for order_id in _due(database, all_waiting=all_waiting) if gateways else ():
        problems = [problem for gateway in gateways if (problem := _carry(database, ledger, gateway, order_id))]
        _finish(database, order_id, len(gateways), problems)
        failures += problems
        verified += not problems
    return DeliveryReport(verified, tuple(failures))


def waiting_orders(database: Database) -> int:
    """How many orders are not verified yet."""
    with database.read() as connection:
        query = select(func.count()).select_from(outbox).where(outbox.c.finished_us.is_(None))
        return int(connection.execute(query).scalar_one())


def _due(database: Database, *, all_waiting: bool) -> Sequence[int]:
    query = select(outbox.c.order_id).where(outbox.c.finished_us.is_(None)).order_by(outbox.c.order_id)
    if not all_waiting:
        query = query.where(outbox.c.next_try_us <= now_us())
    with database.read() as connection:
        return connection.execute(query).scalars().all()


def _carry(database: Database, ledger: Ledger, gateway: Gateway, order_id: int) -> str | None:
    """Tells and probes one gateway outside any transaction; what went wrong, or None."""
    with database.write() as connection:
        if _is_verified(connection, order_id, gateway.name):
            return None
        order = _order(connection, order_id)
        _request(connection, order_id, gateway.name)
    try:
        gateway.apply(order)
        with database.write() as connection:
            _note(connection, ledger, gateway.name, order, "acknowledged")
        answer = gateway.probe(order.account_id)
    except DeliveryFailed as error:
        return f"{gateway.name}: {error}"
    with database.write() as connection:
        if ordered_state(connection, order.account_id) is not order.state:
            return f"{gateway.name}: another decision on {order.account_id} came in between"
        if answer is not order.state:
            return f"{gateway.name} answers {answer.value} for {order.account_id} instead of {order.state.value}"
        _note(connection, ledger, gateway.name, order, "verified")
    return None


def _order(connection: Connection, order_id: int) -> Order:
    row = connection.execute(select(outbox).where(outbox.c.order_id == order_id)).one()
    decision = decision_in(connection, row.account_id)
    state = ordered_state(connection, row.account_id)
    return Order(order_id, row.action_id, row.account_id, state, decision.reason_code, decision.until_us)


def _is_verified(connection: Connection, order_id: int, gateway: str) -> bool:
    query = select(receipts.c.verified_us).where(receipts.c.order_id == order_id, receipts.c.gateway == gateway)
    return connection.execute(query).scalar_one_or_none() is not None


def _request(connection: Connection, order_id: int, gateway: str) -> None:
    known = select(receipts.c.order_id).where(receipts.c.order_id == order_id, receipts.c.gateway == gateway)
    if connection.execute(known).first() is None:
        connection.execute(insert(receipts).values(order_id=order_id, gateway=gateway, requested_us=now_us()))


def _note(connection: Connection, ledger: Ledger, gateway: str, order: Order, step: str) -> None:
    """Enters a step on the receipt and the ledger, once."""
    column = receipts.c[f"{step}_us"]
    mine = (receipts.c.order_id == order.order_id, receipts.c.gateway == gateway, column.is_(None))
    if connection.execute(update(receipts).where(*mine).values({column: now_us()})).rowcount == 0:
        return
    query = select(actions.c.case_id, outbox.c.purpose).where(
        outbox.c.order_id == order.order_id, actions.c.action_id == outbox.c.action_id
    )
    row = connection.execute(query).one()
    body = {"action": order.action_id, "gateway": gateway, "purpose": row.purpose, "state": order.state.value}
    ledger.append(connection, f"action.{step}", SYSTEM, row.case_id, body)


def _finish(database: Database, order_id: int, gateways: int, problems: Sequence[str]) -> None:
    """Closes an order that every gateway verified, or puts off the next try; brings its action's times up to date."""
    with database.write() as connection:
        order = connection.execute(select(outbox).where(outbox.c.order_id == order_id)).one()
        if order.purpose == APPLY:
            _date_action(connection, order_id, order.action_id, gateways)
        pause = min(_FIRST_PAUSE * 2 ** min(order.attempts, _MOST_DOUBLINGS), HOUR)
        outcome = (
            {"last_error": "; ".join(problems), "next_try_us": now_us() + pause}
            if problems
            else {"finished_us": now_us(), "last_error": None}
        )
        connection.execute(
            update(outbox)
            .where(outbox.c.order_id == order_id, outbox.c.finished_us.is_(None))
            .values(attempts=order.attempts + 1, **outcome)
        )


def _date_action(connection: Connection, order_id: int, action_id: str, gateways: int) -> None:
    """An action counts as acknowledged and as verified from the moment at which the last gateway was."""
    rows = connection.execute(select(receipts).where(receipts.c.order_id == order_id)).all()
    for step in ("acknowledged_us", "verified_us"):
        times = [getattr(row, step) for row in rows if getattr(row, step) is not None]
        if len(times) >= gateways:
            connection.execute(update(actions).where(actions.c.action_id == action_id).values({step: max(times)}))
