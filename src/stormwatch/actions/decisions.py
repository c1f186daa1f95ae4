"""The decision list: what gateways are told about an account at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, Row, Select, or_, select

from stormwatch.model.case import ActionKind, Decision, DecisionState
from stormwatch.model.times import now_us as present
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, decisions

STATE_OF: Final[Mapping[ActionKind, DecisionState]] = {
    ActionKind.WATCH: DecisionState.ALLOW,
    ActionKind.VERIFY: DecisionState.LIMIT,
    ActionKind.LIMIT: DecisionState.LIMIT,
    ActionKind.SUSPEND: DecisionState.SUSPENDED,
    ActionKind.TERMINATE: DecisionState.SUSPENDED,
    ActionKind.ROTATE_KEY: DecisionState.ALLOW,
}
# Kinds that keep an account out: what else tells suspended accounts reads this.
KEEPS_OUT: Final = frozenset(kind for kind, state in STATE_OF.items() if state is DecisionState.SUSPENDED)
SEVERITY: Final[Mapping[DecisionState, int]] = {
    DecisionState.ALLOW: 0,
    DecisionState.LIMIT: 1,
    DecisionState.SUSPENDED: 2,
}


def decide(
    database: Database, account_id: str, *, appeal_url: str | None = None, now_us: int | None = None
) -> Decision:
    """The decision for an account: the most severe action in effect on it, else allow.

    `appeal_url` is handed on where anything but allow is decided; `now_us` defaults to the present.
    """
    with database.read() as connection:
        return decision_in(connection, account_id, appeal_url=appeal_url, now_us=now_us)


def decision_in(
    connection: Connection, account_id: str, *, appeal_url: str | None = None, now_us: int | None = None
) -> Decision:
    """The decision as `decide` gives it, inside the caller's transaction."""
    if "\0" in account_id:  # no account is stored under such an id, and PostgreSQL refuses to look for one
        return Decision(account_id, DecisionState.ALLOW)
    rows = connection.execute(_in_effect(now_us).where(decisions.c.account_id == account_id)).all()
    return _decision(max(rows, key=_severity), appeal_url) if rows else Decision(account_id, DecisionState.ALLOW)


def all_decisions(
    database: Database, *, appeal_url: str | None = None, now_us: int | None = None
) -> tuple[Decision, ...]:
    """Every account that is not simply allowed, in the order of account ids."""
    with database.read() as connection:
        rows = connection.execute(_in_effect(now_us)).all()
    heaviest: dict[str, Row[tuple[object, ...]]] = {}
    for row in sorted(rows, key=_severity):
        heaviest[row.account_id] = row
    return tuple(_decision(heaviest[account_id], appeal_url) for account_id in sorted(heaviest))


def ordered_state(connection: Connection, account_id: str, *, now_us: int | None = None) -> DecisionState:
    """The state that the approved actions on an account ask for: what a gateway's answer is held against.

    It is derived from the actions themselves, so that a decision list that says otherwise is noticed.
    """
    kinds = connection.execute(
        select(actions.c.kind).where(
            actions.c.account_id == account_id,
            actions.c.effective_us.is_not(None),
            actions.c.reversed_us.is_(None),
            actions.c.ended_us.is_(None),
            or_(actions.c.until_us.is_(None), actions.c.until_us > (present() if now_us is None else now_us)),
        )
    ).scalars()
    states = [STATE_OF[ActionKind(kind)] for kind in kinds]
    return max(states, key=SEVERITY.__getitem__, default=DecisionState.ALLOW)


def _in_effect(now_us: int | None) -> Select[tuple[object, ...]]:
    moment = present() if now_us is None else now_us
    return select(decisions).where(or_(decisions.c.until_us.is_(None), decisions.c.until_us > moment))


def _severity(row: Row[tuple[object, ...]]) -> tuple[int, bool, int, str]:
    endless = row.until_us is None
    return SEVERITY[DecisionState(row.state)], endless, 0 if endless else row.until_us, row.action_id


def _decision(row: Row[tuple[object, ...]], appeal_url: str | None) -> Decision:
    return Decision(row.account_id, DecisionState(row.state), row.reason_code, appeal_url, row.until_us)
