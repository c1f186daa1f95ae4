"""An approved proposal into effect: one action, one decision and one order in the outbox for each account."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, Row, Select, insert, or_, select

from stormwatch.actions.decisions import STATE_OF
from stormwatch.actions.proposal_queue import Proposal
from stormwatch.cases.outcomes import Outcome, record_outcomes
from stormwatch.model.case import Action, ActionKind, DecisionState
from stormwatch.model.errors import NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.times import now_us as present
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, decisions, outbox

APPLY = "apply"
LIFT = "lift"


def put_into_effect(connection: Connection, proposal: Proposal, by: str, now_us: int) -> tuple[Action, ...]:
    """Makes the actions, changes the decision list and fills the outbox, inside the approval's transaction."""
    taken = tuple(
        Action(
            action_id=new_id("action"),
            case_id=proposal.case_id,
            account_id=account_id,
            kind=proposal.kind,
            proposed_by=proposal.proposed_by,
            proposed_us=proposal.proposed_us,
            evidence_hash=proposal.evidence_hash,
            reason_code=proposal.reason_code,
            approved_by=by,
            approved_us=now_us,
        )
        for account_id in proposal.account_ids
    )
    for action in taken:
        _insert(connection, action, proposal)
        place_order(connection, action.action_id, action.account_id, APPLY, now_us)
    if proposal.kind is ActionKind.SUSPEND:
        record_outcomes(connection, proposal.account_ids, proposal.case_id, Outcome.SUSPENDED, now_us)
    return taken


def place_order(connection: Connection, action_id: str, account_id: str, purpose: str, now_us: int) -> None:
    """Puts an order into the outbox, due at once, inside the caller's write transaction."""
    connection.execute(
        insert(outbox).values(
            action_id=action_id,
            purpose=purpose,
            account_id=account_id,
            created_us=now_us,
            attempts=0,
            next_try_us=now_us,
        )
    )


def actions_in_effect(connection: Connection, account_ids: Collection[str]) -> tuple[Action, ...]:
    """Actions on these accounts that are neither reversed nor over, inside the caller's transaction."""
    query = select(actions).where(
        actions.c.account_id.in_(sorted(account_ids)),
        actions.c.reversed_us.is_(None),
        or_(actions.c.until_us.is_(None), actions.c.until_us > present()),
    )
    return read_actions(connection, query)


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


def _insert(connection: Connection, action: Action, proposal: Proposal) -> None:
    connection.execute(
        insert(actions).values(
            action_id=action.action_id,
            proposal_id=proposal.proposal_id,
            case_id=action.case_id,
            account_id=action.account_id,
            kind=action.kind.value,
            reason_code=action.reason_code,
            evidence_hash=action.evidence_hash,
            until_us=proposal.until_us,
            proposed_by=action.proposed_by,
            proposed_us=action.proposed_us,
            approved_by=action.approved_by,
            approved_us=action.approved_us,
        )
    )
    state = STATE_OF[action.kind]
    if state is not DecisionState.ALLOW:
        connection.execute(
            insert(decisions).values(
                action_id=action.action_id,
                account_id=action.account_id,
                state=state.value,
                reason_code=action.reason_code,
                until_us=proposal.until_us,
            )
        )


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
    )
