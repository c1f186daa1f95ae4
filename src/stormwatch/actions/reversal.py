"""Undoes actions: one approver is enough, because an innocent account must not wait for two people."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select, update

from stormwatch.access.acting import acting_person
from stormwatch.actions.ending import take_off
from stormwatch.actions.execution import action_row
from stormwatch.actions.outbox import LIFT, cancel_orders
from stormwatch.actions.receipts import was_called
from stormwatch.cases.said import said
from stormwatch.cases.states import move, state_of
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import Action, ActionKind, CaseState
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions


def reverse(
    database: Database, ledger: Ledger, by: Principal, action_ids: Collection[str], reason: str
) -> tuple[Action, ...]:
    """Reverses actions at once; what other actions on the accounts ask for stays in effect.

    An approver decides, also one who approved the action; a reason is needed. Raises Conflict when one of the actions
    is reversed or over already (nothing is changed then). One that an embargo holds back is called off. A case without
    any action left goes back into review.
    """
    stated = said(reason, "a reversal needs a reason")
    if not action_ids:
        raise InvalidInput("no action is named", remedy="name or mark at least one that is in effect")
    with database.write() as connection:
        person, now = acting_person(connection, by, Role.APPROVER), now_us()
        found = [action_row(connection, action_id) for action_id in sorted(set(action_ids))]
        for action in found:
            if action.reversed_us is not None:
                raise Conflict("the action is reversed already", where=action.action_id)
            if action.ended_us is not None and action.kind is not ActionKind.ROTATE_KEY:
                raise Conflict("the action is over already", where=action.action_id)
            _lift(connection, action, person.person_id, stated, now)
            ledger.append(
                connection,
                "action.reversed",
                person.person_id,
                action.case_id,
                {"action": action.action_id, "account": action.account_id, "reason": stated},
            )
        for case_id in sorted({action.case_id for action in found}):
            _return_to_review(connection, ledger, case_id, person.person_id, stated, now)
        return tuple(action_row(connection, action.action_id) for action in found)


def _lift(connection: Connection, action: Action, by: str, reason: str, now: int) -> None:
    if action.kind is ActionKind.ROTATE_KEY:
        _cancel_rotation(connection, action, now)
    connection.execute(
        update(actions)
        .where(actions.c.action_id == action.action_id)
        .values(reversed_us=now, reversed_by=by, reversal_reason=reason)
    )
    if action.kind is not ActionKind.ROTATE_KEY:
        take_off(connection, action, LIFT, "reversed before it was verified", now)


def _cancel_rotation(connection: Connection, action: Action, now: int) -> None:
    if was_called(connection, action.action_id):
        raise Conflict(
            "keys that were rotated stay so: nothing was taken from the holder but old keys", where=action.action_id
        )
    cancel_orders(connection, action.action_id, "reversed before it was carried out", now)


def _return_to_review(connection: Connection, ledger: Ledger, case_id: str, by: str, reason: str, now: int) -> None:
    left = connection.execute(
        select(actions.c.action_id).where(actions.c.case_id == case_id, actions.c.reversed_us.is_(None))
    ).first()
    if left is None and state_of(connection, case_id) is CaseState.ACTED:
        move(
            connection,
            ledger,
            case_id,
            CaseState.IN_REVIEW,
            by=by,
            reason=f"all actions reversed: {reason}",
            now_us=now,
        )
