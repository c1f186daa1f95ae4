"""Takes actions off accounts, whatever ends them: decision gone, order to the gateways, outcome on record."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, select

from stormwatch.actions.decisions import KEEPS_OUT
from stormwatch.actions.execution import actions_in_effect, read_actions
from stormwatch.actions.outbox import EXPIRE, cancel_orders, place_orders
from stormwatch.cases.outcomes import Outcome, record_outcomes
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.case import Action
from stormwatch.model.times import now_us as present
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, decisions


def end_what_is_over(database: Database, ledger: Ledger, *, now_us: int | None = None) -> tuple[Action, ...]:
    """Ends the actions whose approved end has come, on the ledger and through the outbox; gives them.

    The decision list has let their accounts in from that very moment on. This tells the gateways that keep a list of
    their own, and those that read back nothing.
    """
    moment = present() if now_us is None else now_us
    due = select(actions).where(
        actions.c.until_us <= moment,
        actions.c.effective_us.is_not(None),
        actions.c.reversed_us.is_(None),
        actions.c.ended_us.is_(None),
    )
    with database.read() as connection:
        if not read_actions(connection, due.limit(1)):
            return ()
    with database.write() as connection:
        found = read_actions(connection, due.order_by(actions.c.action_id))
        mark_ended(connection, [action.action_id for action in found], moment)
        for action in found:
            take_off(connection, action, EXPIRE, "over before it was verified", moment)
            body = {"action": action.action_id, "account": action.account_id, "until_us": action.until_us}
            ledger.append(connection, "action.expired", SYSTEM, action.case_id, body)
    return found


def mark_ended(connection: Connection, action_ids: Collection[str], now_us: int) -> None:
    """Enters that actions are over, without a reversal."""
    connection.execute(actions.update().where(actions.c.action_id.in_(action_ids)).values(ended_us=now_us))


def take_off(connection: Connection, action: Action, purpose: str, why: str, now_us: int) -> None:
    """Lets go of an account in the caller's transaction, which has entered before that the action stands no more.

    What other actions on the account ask for stays. An action that was never in force leaves nothing to be undone.
    """
    connection.execute(delete(decisions).where(decisions.c.action_id == action.action_id))
    # An order that never arrived must not be carried out after this.
    cancel_orders(connection, action.action_id, why, now_us)
    if action.effective_us is None:
        return
    place_orders(connection, [(action.action_id, action.account_id)], purpose, now_us)
    held = {other.kind for other in actions_in_effect(connection, [action.account_id])}
    if action.kind in KEEPS_OUT and not held & KEEPS_OUT:
        record_outcomes(connection, [action.account_id], action.case_id, Outcome.REINSTATED, now_us)
