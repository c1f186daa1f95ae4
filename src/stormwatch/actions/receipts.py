"""One gateway's receipt of one order: which call was asked for under which key, and how far it came."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from stormwatch.actions.decisions import decision_in, ordered_state
from stormwatch.actions.outbox import APPLY
from stormwatch.actions.ports import Order
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.case import ActionKind
from stormwatch.model.times import now_us
from stormwatch.storage.tables.actions import actions, outbox, receipts


@dataclass(frozen=True, slots=True)
class Call:
    """An order as one gateway gets it. `acknowledged`: this very call was answered, so that only the probe is left."""

    order: Order
    acknowledged: bool


def begin_call(connection: Connection, order_id: int, gateway: str) -> Call | None:
    """Writes down what is about to be asked of a gateway; None when it has verified the order already.

    A call that was begun keeps its key, so that the gateway knows it again whatever became of its answer. It becomes
    another call, with another key, when another state is asked for by now, or when the gateway took it and then,
    probed, told otherwise: repeated under the same key it would be answered from memory.
    """
    mine = (receipts.c.order_id == order_id, receipts.c.gateway == gateway)
    known = connection.execute(select(receipts).where(*mine)).first()
    if known is not None and known.verified_us is not None:
        return None
    row = connection.execute(
        select(outbox.c.action_id, outbox.c.account_id, outbox.c.purpose, actions.c.kind)
        .join(actions, actions.c.action_id == outbox.c.action_id)
        .where(outbox.c.order_id == order_id)
    ).one()
    state = ordered_state(connection, row.account_id)
    same = known is not None and known.state == state.value and known.answer is None
    revision = (0 if known is None else known.revision) + (0 if same else 1)
    key = f"{row.action_id}.{row.purpose}.{revision}"
    values = {"revision": revision, "idempotency_key": key, "state": state.value, "answer": None}
    if known is None:
        connection.execute(insert(receipts).values(order_id=order_id, gateway=gateway, requested_us=now_us(), **values))
    elif not same:
        connection.execute(update(receipts).where(*mine).values(acknowledged_us=None, **values))
    decision = decision_in(connection, row.account_id)
    order = Order(
        order_id,
        row.action_id,
        row.account_id,
        state,
        decision.reason_code,
        decision.until_us,
        key,
        ActionKind(row.kind),
        row.purpose != APPLY,
    )
    return Call(order, same and known is not None and known.acknowledged_us is not None)


def note_step(connection: Connection, ledger: Ledger, gateway: str, order: Order, step: str) -> None:
    """Enters `acknowledged` or `verified` on the receipt and the ledger, once for each call."""
    column = receipts.c[f"{step}_us"]
    mine = (receipts.c.order_id == order.order_id, receipts.c.gateway == gateway, column.is_(None))
    if connection.execute(update(receipts).where(*mine).values({column: now_us()})).rowcount == 0:
        return
    query = select(actions.c.case_id, outbox.c.purpose).where(
        outbox.c.order_id == order.order_id, actions.c.action_id == outbox.c.action_id
    )
    row = connection.execute(query).one()
    body = {
        "action": order.action_id,
        "account": order.account_id,
        "gateway": gateway,
        "purpose": row.purpose,
        "state": order.state.value,
        "key": order.idempotency_key,
    }
    ledger.append(connection, f"action.{step}", SYSTEM, row.case_id, body)


def note_answer(connection: Connection, gateway: str, order: Order, answer: str) -> None:
    """Keeps what a probe told where it was not what was asked for, so that the gateway is told anew."""
    connection.execute(
        update(receipts)
        .where(receipts.c.order_id == order.order_id, receipts.c.gateway == gateway)
        .values(answer=answer)
    )


def was_called(connection: Connection, action_id: str) -> bool:
    """Whether any gateway may have been told of an action."""
    query = (
        select(func.count())
        .select_from(receipts)
        .join(outbox, outbox.c.order_id == receipts.c.order_id)
        .where(outbox.c.action_id == action_id)
    )
    return bool(connection.execute(query).scalar_one())


def date_action(connection: Connection, order_id: int, action_id: str, gateways: int) -> None:
    """An action counts as acknowledged and as verified from the moment at which the last of its gateways was."""
    rows = connection.execute(select(receipts).where(receipts.c.order_id == order_id)).all()
    for step in ("acknowledged_us", "verified_us"):
        times = [getattr(row, step) for row in rows if getattr(row, step) is not None]
        if times and len(times) >= gateways:
            connection.execute(update(actions).where(actions.c.action_id == action_id).values({step: max(times)}))
