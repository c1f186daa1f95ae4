"""The tasks of a case: what somebody still has to do before it can be closed, by when, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, insert, select, update

from stormwatch.access.acting import acting_person
from stormwatch.access.records import person_by_id
from stormwatch.cases.queue import case_row
from stormwatch.cases.said import said
from stormwatch.cases.versions import HUNT, touch
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, InvalidInput, NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import case_tasks

_REVIEWERS: Final = (Role.ANALYST, Role.APPROVER)


class TaskOutcome(StrEnum):
    """How a task ended."""

    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Task:
    """One task; `outcome` is None while it is open. `made_by` is a person id or `hunt`."""

    task_id: str
    case_id: str
    title: str
    made_by: str
    made_us: int
    assignee: str | None = None
    due_us: int | None = None
    outcome: TaskOutcome | None = None
    ended_by: str | None = None
    ended_us: int | None = None
    remark: str | None = None


def tasks_of(database: Database, case_id: str) -> tuple[Task, ...]:
    """The tasks of a case, the open ones first, the oldest first among them."""
    query = (
        select(case_tasks)
        .where(case_tasks.c.case_id == case_id)
        .order_by(case_tasks.c.ended_us.is_not(None), case_tasks.c.made_us, case_tasks.c.task_id)
    )
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()
    return tuple(Task(**{**row, "outcome": TaskOutcome(row["outcome"]) if row["outcome"] else None}) for row in rows)


def add_task(
    database: Database,
    ledger: Ledger,
    by: Principal,
    case_id: str,
    title: str,
    *,
    assignee: str | None = None,
    due_us: int | None = None,
) -> Task:
    """Adds a task for somebody (a person id) or nobody yet. Analysts and approvers; the ledger says not what it says.

    Raises InvalidInput for one that says nothing or whose assignee reviews no cases.
    """
    kept = said(title, "a task must say what is to be done")
    with database.write() as connection:
        person = acting_person(connection, by, *_REVIEWERS)
        case_row(connection, case_id)
        if assignee is not None and person_by_id(connection, assignee).role not in _REVIEWERS:
            raise InvalidInput("this person reviews no cases", where=assignee, remedy="name an analyst or approver")
        task = Task(new_id("task"), case_id, kept, person.person_id, now_us(), assignee, due_us)
        _add(connection, ledger, task)
    return task


def add_first_action(connection: Connection, ledger: Ledger, case_id: str, title: str, now: int) -> None:
    """The task that a queue asks for before anything else, once a case, inside the caller's write transaction."""
    if not title:
        return
    known = select(case_tasks.c.task_id).where(case_tasks.c.case_id == case_id, case_tasks.c.title == title)
    if connection.execute(known).first() is None:
        _add(connection, ledger, Task(new_id("task"), case_id, title, HUNT, now))


def end_task(
    database: Database, ledger: Ledger, by: Principal, task_id: str, outcome: TaskOutcome, remark: str = ""
) -> Task:
    """Says what came of a task; dropping one needs a reason. Conflict when it ended already."""
    kept = said(remark, "dropping a task needs a reason") if outcome is TaskOutcome.DROPPED else remark.strip()
    with database.write() as connection:
        person, now = acting_person(connection, by, *_REVIEWERS), now_us()
        row = connection.execute(select(case_tasks).where(case_tasks.c.task_id == task_id)).mappings().first()
        if row is None:
            raise NotFound("there is no such task", where=task_id, remedy="see `stormwatch case show`")
        if row["ended_us"] is not None:
            raise Conflict(f"the task is {row['outcome']} already", where=task_id)
        ended = {"outcome": outcome, "ended_by": person.person_id, "ended_us": now, "remark": kept or None}
        connection.execute(
            update(case_tasks).where(case_tasks.c.task_id == task_id).values({**ended, "outcome": outcome.value})
        )
        touch(connection, row["case_id"], by=person.person_id, how=f"rid of a task ({outcome.value})", now_us=now)
        body = {"task": task_id, "outcome": outcome.value}
        ledger.append(connection, "case.task-ended", person.person_id, row["case_id"], body)
        return Task(**{**row, **ended})


def _add(connection: Connection, ledger: Ledger, task: Task) -> None:
    connection.execute(
        insert(case_tasks).values(
            task_id=task.task_id,
            case_id=task.case_id,
            title=task.title,
            assignee=task.assignee,
            due_us=task.due_us,
            made_by=task.made_by,
            made_us=task.made_us,
        )
    )
    touch(connection, task.case_id, by=task.made_by, how="given a task", now_us=task.made_us)
    body = {"task": task.task_id, "assignee": task.assignee, "due_us": task.due_us}
    ledger.append(connection, "case.task-added", task.made_by, task.case_id, body)
