"""An approved proposal into effect: an action for each account and, in force, its decision and order in the outbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Row, Select, insert, or_, select, update

from stormwatch.actions.decisions import KEEPS_OUT, STATE_OF
from stormwatch.actions.outbox import APPLY, place_orders
from stormwatch.actions.proposal_queue import Proposal
from stormwatch.cases.outcomes import Outcome, record_outcomes
from stormwatch.model.case import Action, ActionKind, DecisionState
from stormwatch.model.errors import NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.times import now_us as present
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, decisions


def put_into_effect(connection: Connection, proposal: Proposal, by: str, now_us: int) -> tuple[Action, ...]:
    """Makes the actions inside the approval's transaction, and brings them into force unless an embargo holds them."""
    rows = [
        {
            "action_id": new_id("action"),
            "proposal_id": proposal.proposal_id,
            "case_id": proposal.case_id,
            "account_id": account_id,
            "kind": proposal.kind.value,
            "reason_code": proposal.reason_code,
            "evidence_hash": proposal.evidence_hash,
            "until_us": proposal.until_us,
            "proposed_by": proposal.proposed_by,
            "proposed_us": proposal.proposed_us,
            "approved_by": by,
            "approved_us": now_us,
        }
        for account_id in proposal.account_ids
    ]
    connection.execute(insert(actions), rows)
    taken = _of_proposal(connection, proposal.proposal_id)
    if proposal.not_before_us is not None and proposal.not_before_us > now_us:
        return taken
    bring_into_force(connection, taken, now_us)
    return _of_proposal(connection, proposal.proposal_id)


def bring_into_force(connection: Connection, taken: Sequence[Action], now_us: int) -> None:
    """Changes the decision list and fills the outbox for actions that were approved, in the caller's transaction.

    A rotated key is over with its order: nothing of it stays in force that could be reversed or would run out.
    """
    ids = [action.action_id for action in taken]
    over = {"until_us": now_us, "ended_us": now_us}
    for kind in {action.kind for action in taken}:
        of_kind = actions.c.action_id.in_([action.action_id for action in taken if action.kind is kind])
        values = {"effective_us": now_us, **(over if kind is ActionKind.ROTATE_KEY else {})}
        connection.execute(update(actions).where(of_kind).values(values))
    rows = [
        {
            "action_id": action.action_id,
            "account_id": action.account_id,
            "state": STATE_OF[action.kind].value,
            "reason_code": action.reason_code,
            "until_us": action.until_us,
        }
        for action in taken
        if STATE_OF[action.kind] is not DecisionState.ALLOW
    ]
    if rows:
        connection.execute(insert(decisions), rows)
    place_orders(connection, list(zip(ids, (action.account_id for action in taken), strict=True)), APPLY, now_us)
    for action in taken:
        if action.kind in KEEPS_OUT:
            record_outcomes(connection, [action.account_id], action.case_id, Outcome.SUSPENDED, now_us)


def standing_actions(connection: Connection, account_ids: Collection[str]) -> tuple[Action, ...]:
    """Actions on these accounts that are neither reversed nor over, also those that an embargo holds back."""
    query = select(actions).where(
        actions.c.account_id.in_(sorted(account_ids)),
        actions.c.reversed_us.is_(None),
        actions.c.ended_us.is_(None),
        or_(actions.c.until_us.is_(None), actions.c.until_us > present()),
    )
    return read_actions(connection, query)


def actions_in_effect(connection: Connection, account_ids: Collection[str]) -> tuple[Action, ...]:
    """Those of them that are in force, inside the caller's transaction."""
    return tuple(action for action in standing_actions(connection, account_ids) if action.in_force)


def read_actions(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Action, ...]:
    """The actions that a query over the table `actions` selects."""
    return tuple(_action(row) for row in connection.execute(query))


def list_actions(
    database: Database, *, case_id: str | None = None, account_id: str | None = None
) -> tuple[Action, ...]:
    """Actions, newest first, of one case or on one account if asked."""
    query = select(actions).order_by(actions.c.approved_us.desc(), actions.c.account_id, actions.c.action_id)
    if case_id is not None:
        query = query.where(actions.c.case_id == case_id)
    if account_id is not None:
        query = query.where(actions.c.account_id == account_id)
    with database.read() as connection:
        return read_actions(connection, query)


def action_row(connection: Connection, action_id: str) -> Action:
    """One action inside the caller's transaction; NotFound when there is none of that id."""
    found = read_actions(connection, select(actions).where(actions.c.action_id == action_id))
    if not found:
        raise NotFound("there is no such action", where=action_id, remedy="see `stormwatch act list`")
    return found[0]


def _of_proposal(connection: Connection, proposal_id: str) -> tuple[Action, ...]:
    query = select(actions).where(actions.c.proposal_id == proposal_id).order_by(actions.c.account_id)
    return read_actions(connection, query)


def _action(row: Row[tuple[object, ...]]) -> Action:
    return Action(
        action_id=row.action_id,
        case_id=row.case_id,
        account_id=row.account_id,
        kind=ActionKind(row.kind),
        proposed_by=row.proposed_by,
        proposed_us=row.proposed_us,
        evidence_hash=row.evidence_hash,
        reason_code=row.reason_code,
        approved_by=row.approved_by,
        approved_us=row.approved_us,
        acknowledged_us=row.acknowledged_us,
        verified_us=row.verified_us,
        reversed_us=row.reversed_us,
        reversed_by=row.reversed_by,
        until_us=row.until_us,
        effective_us=row.effective_us,
        ended_us=row.ended_us,
    )
