"""Puts a case into a queue: by the rules of the queues or by hand, with the time it is due and what is done first."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, select, update

from stormwatch.access.acting import acting_person
from stormwatch.cases.routing import Queue, due_after
from stormwatch.cases.said import said
from stormwatch.cases.states import state_of
from stormwatch.cases.tasks import add_first_action
from stormwatch.cases.versions import require_version, touch
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import CaseState
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import cases

_REVIEWERS: Final = (Role.ANALYST, Role.APPROVER)


def placement(queue: Queue, state: CaseState, now: int) -> dict[str, Any]:
    """The columns of a case that its queue decides."""
    hours = {each.value: given for each, given in queue.due_hours.items()}
    return {"queue": queue.queue, "due_hours": hours, "due_us": due_after(hours, state, now)}


def place(
    connection: Connection, ledger: Ledger, case_id: str, queue: Queue, *, by: str, reason: str, now: int
) -> None:
    """Puts a case into another queue, inside the caller's write transaction; it is due anew."""
    values = placement(queue, state_of(connection, case_id), now)
    connection.execute(update(cases).where(cases.c.case_id == case_id).values(**values))
    touch(connection, case_id, by=by, how=f"put into the queue {queue.queue}", now_us=now)
    ledger.append(connection, "case.routed", by, case_id, {"queue": queue.queue, "reason": reason})
    add_first_action(connection, ledger, case_id, queue.first_action, now)


def route(
    database: Database,
    ledger: Ledger,
    by: Principal,
    case_id: str,
    queue: Queue,
    reason: str,
    *,
    seen: int | None = None,
) -> None:
    """A person puts a case into another queue, where it stays whatever later hunts find; Conflict if it is there."""
    kept = said(reason, "a reason must say something")
    with database.write() as connection:
        person = acting_person(connection, by, *_REVIEWERS)
        require_version(connection, case_id, seen)
        state_of(connection, case_id)
        if connection.execute(select(cases.c.queue).where(cases.c.case_id == case_id)).scalar_one() == queue.queue:
            raise Conflict(f"the case is in the queue {queue.queue} already", where=case_id)
        place(connection, ledger, case_id, queue, by=person.person_id, reason=kept, now=now_us())
        connection.execute(update(cases).where(cases.c.case_id == case_id).values(routed_by=person.person_id))


def set_due(
    database: Database,
    ledger: Ledger,
    by: Principal,
    case_id: str,
    due_us: int,
    reason: str,
    *,
    seen: int | None = None,
) -> None:
    """A person says by when a case must leave the state it is in; the next move sets the time anew."""
    kept, now = said(reason, "a reason must say something"), now_us()
    if due_us <= now:
        raise InvalidInput("this time is past", remedy="name a time in the future")
    with database.write() as connection:
        person = acting_person(connection, by, *_REVIEWERS)
        require_version(connection, case_id, seen)
        state_of(connection, case_id)
        connection.execute(update(cases).where(cases.c.case_id == case_id).values(due_us=due_us))
        touch(connection, case_id, by=person.person_id, how="given another due time", now_us=now)
        ledger.append(connection, "case.due-set", person.person_id, case_id, {"due_us": due_us, "reason": kept})
