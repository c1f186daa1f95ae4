"""The outbox: orders to gateways, written with the decision they come from, kept until verified or given up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from stormwatch.access.acting import acting_person
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import ActionKind
from stormwatch.model.errors import Conflict, InvalidInput, NotFound
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, outbox

APPLY: Final = "apply"
LIFT: Final = "lift"
EXPIRE: Final = "expire"


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """An order that is not verified yet. `dead_us` says since when nobody tries any more."""

    order_id: int
    action_id: str
    case_id: str
    account_id: str
    kind: ActionKind
    purpose: str
    created_us: int
    attempts: int
    next_try_us: int
    last_error: str | None
    dead_us: int | None


def place_orders(connection: Connection, items: Sequence[tuple[str, str]], purpose: str, now: int) -> None:
    """Puts orders (action id, account id) into the outbox, due at once, inside the caller's write transaction."""
    rows = [
        {
            "action_id": action_id,
            "purpose": purpose,
            "account_id": account_id,
            "created_us": now,
            "attempts": 0,
            "next_try_us": now,
        }
        for action_id, account_id in items
    ]
    if rows:
        connection.execute(insert(outbox), rows)


def cancel_orders(connection: Connection, action_id: str, why: str, now: int) -> None:
    """Ends an order that never arrived: it must not be carried out after its action was undone."""
    connection.execute(
        update(outbox)
        .where(outbox.c.action_id == action_id, outbox.c.purpose == APPLY, outbox.c.finished_us.is_(None))
        .values(finished_us=now, last_error=why)
    )


def next_due(database: Database, after: int, *, all_waiting: bool) -> int | None:
    """The first order after `after` that has to be carried now; with `all_waiting` also one whose pause is not over."""
    query = select(func.min(outbox.c.order_id)).where(
        outbox.c.finished_us.is_(None), outbox.c.dead_us.is_(None), outbox.c.order_id > after
    )
    if not all_waiting:
        query = query.where(outbox.c.next_try_us <= now_us())
    with database.read() as connection:
        return connection.execute(query).scalar_one_or_none()


def waiting_orders(database: Database) -> int:
    """How many orders are not verified yet, those that were given up among them."""
    with database.read() as connection:
        query = select(func.count()).select_from(outbox).where(outbox.c.finished_us.is_(None))
        return int(connection.execute(query).scalar_one())


def list_waiting(
    database: Database, *, dead: bool | None = None, after: int = 0, limit: int | None = None
) -> tuple[WaitingOrder, ...]:
    """Orders that are not verified, the oldest first; `dead` narrows to those given up, or to the others."""
    query = _waiting().where(outbox.c.order_id > after).limit(limit)
    if dead is not None:
        query = query.where(outbox.c.dead_us.is_not(None) if dead else outbox.c.dead_us.is_(None))
    with database.read() as connection:
        return tuple(_order(row) for row in connection.execute(query))


def orders_of(connection: Connection, case_id: str | None = None) -> Mapping[str, WaitingOrder]:
    """The newest unverified order of each action, of one case if asked, inside the caller's transaction."""
    query = _waiting() if case_id is None else _waiting().where(actions.c.case_id == case_id)
    return {row.action_id: _order(row) for row in connection.execute(query)}


def requeue(
    database: Database, ledger: Ledger, by: Principal, order_ids: Collection[int] | None = None
) -> tuple[WaitingOrder, ...]:
    """Has orders that were given up tried again at once, all of them where none is named; recorded.

    For analysts and approvers: what is carried was approved. Conflict when one of them was not given up.
    """
    if order_ids is not None and not order_ids:
        raise InvalidInput("no order is named", remedy="mark at least one that was given up")
    with database.write() as connection:
        person = acting_person(connection, by, Role.ANALYST, Role.APPROVER)
        query = _waiting().where(
            outbox.c.dead_us.is_not(None) if order_ids is None else outbox.c.order_id.in_(order_ids)
        )
        found = tuple(_order(row) for row in connection.execute(query))
        _require_dead(found, order_ids or ())
        for order in found:
            connection.execute(
                update(outbox)
                .where(outbox.c.order_id == order.order_id)
                .values(dead_us=None, attempts=0, next_try_us=now_us())
            )
            body = {"action": order.action_id, "account": order.account_id, "purpose": order.purpose}
            ledger.append(connection, "order.requeued", person.person_id, order.case_id, body)
    return found


def _require_dead(found: Sequence[WaitingOrder], order_ids: Collection[int]) -> None:
    known = {order.order_id: order for order in found}
    for order_id in order_ids:
        if order_id not in known:
            raise NotFound("no such order waits", where=str(order_id), remedy="see `stormwatch act outbox`")
        if known[order_id].dead_us is None:
            raise Conflict("this order was not given up", where=str(order_id), remedy="`stormwatch act deliver`")


def _waiting() -> Select[tuple[object, ...]]:
    return (
        select(outbox, actions.c.case_id, actions.c.kind)
        .join(actions, actions.c.action_id == outbox.c.action_id)
        .where(outbox.c.finished_us.is_(None))
        .order_by(outbox.c.order_id)
    )


def _order(row: Row[tuple[object, ...]]) -> WaitingOrder:
    return WaitingOrder(
        order_id=row.order_id,
        action_id=row.action_id,
        case_id=row.case_id,
        account_id=row.account_id,
        kind=ActionKind(row.kind),
        purpose=row.purpose,
        created_us=row.created_us,
        attempts=row.attempts,
        next_try_us=row.next_try_us,
        last_error=row.last_error,
        dead_us=row.dead_us,
    )
