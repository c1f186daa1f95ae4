"""The moves that a case may make between its states, each recorded in its history and on the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, insert, select, update

from stormwatch.cases.routing import due_after
from stormwatch.cases.versions import touch
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import CaseState
from stormwatch.model.errors import Conflict, NotFound
from stormwatch.storage.tables.cases import case_history, cases

MOVES: Final[Mapping[CaseState, frozenset[CaseState]]] = {
    CaseState.OPEN: frozenset({CaseState.IN_REVIEW, CaseState.CLEARED, CaseState.CLOSED}),
    CaseState.IN_REVIEW: frozenset({CaseState.OPEN, CaseState.PROPOSED, CaseState.CLEARED, CaseState.CLOSED}),
    CaseState.PROPOSED: frozenset({CaseState.IN_REVIEW, CaseState.ACTED, CaseState.CLOSED}),
    CaseState.ACTED: frozenset({CaseState.OPEN, CaseState.IN_REVIEW, CaseState.CLOSED}),
    CaseState.CLEARED: frozenset({CaseState.OPEN, CaseState.CLOSED}),
    CaseState.CLOSED: frozenset({CaseState.OPEN}),
}
SETTLED: Final = frozenset({CaseState.ACTED, CaseState.CLEARED, CaseState.CLOSED})


def state_of(connection: Connection, case_id: str) -> CaseState:
    """The state of a case; NotFound when there is none of that id."""
    state = connection.execute(select(cases.c.state).where(cases.c.case_id == case_id)).scalar_one_or_none()
    if state is None:
        raise NotFound("there is no such case", where=case_id, remedy="see `stormwatch case list`")
    return CaseState(state)


def require_state(connection: Connection, case_id: str, *allowed: CaseState, remedy: str) -> CaseState:
    """The case's state if it is one of these; else Conflict."""
    state = state_of(connection, case_id)
    if state not in allowed:
        raise Conflict(f"the case is {state}", where=case_id, remedy=remedy)
    return state


def move(
    connection: Connection,
    ledger: Ledger,
    case_id: str,
    to: CaseState,
    *,
    by: str,
    reason: str,
    now_us: int,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Moves a case inside the caller's write transaction; Conflict when that move is not allowed.

    `by` is a person id or `HUNT`; `facts` are added to the ledger entry (the digest that the move rests on). The case
    is due anew, as its queue says for the state it comes into.
    """
    before = state_of(connection, case_id)
    if to not in MOVES[before]:
        raise Conflict(f"a case that is {before} cannot become {to}", where=case_id)
    hours = connection.execute(select(cases.c.due_hours).where(cases.c.case_id == case_id)).scalar_one()
    due_us = due_after(hours, to, now_us)
    connection.execute(update(cases).where(cases.c.case_id == case_id).values(state=to.value, due_us=due_us))
    touch(connection, case_id, by=by, how=f"moved from {before} to {to}", now_us=now_us)
    record(connection, case_id, before, to, by=by, reason=reason, now_us=now_us)
    ledger.append(
        connection, "case.moved", by, case_id, {"from": before.value, "to": to.value, "reason": reason, **(facts or {})}
    )


def record(
    connection: Connection, case_id: str, before: CaseState | None, to: CaseState, *, by: str, reason: str, now_us: int
) -> None:
    """Adds a line to the history of a case."""
    connection.execute(
        insert(case_history).values(
            case_id=case_id,
            from_state=before.value if before else None,
            to_state=to.value,
            by=by,
            time_us=now_us,
            reason=reason,
        )
    )
