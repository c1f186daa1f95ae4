"""A question to the queue (filters and an order) becomes pages of cases, filtered, sorted and cut in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, tuple_

from stormwatch.cases.states import SETTLED
from stormwatch.model.case import CaseState
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import case_accounts, case_tasks, cases

WAITING: Final = tuple(state for state in CaseState if state not in SETTLED)
STATES: Final[Mapping[str, Sequence[CaseState]]] = {
    "waiting": WAITING,
    "all": tuple(CaseState),
    **{state.value: (state,) for state in CaseState},
}
_ESCAPE: Final = "\\"
_LONGEST_WORDS: Final = 200


class Order(StrEnum):
    """What comes first: the highest risk, what is due soonest, the newest, what changed last."""

    RISK = "risk"
    DUE = "due"
    OPENED = "opened"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class QueueQuery:
    """What is asked of the queue, as its address says it; an empty text asks nothing.

    `state` is a key of STATES, `assignee` a person id, `me` or `nobody`, `due` is `over` for what is overdue,
    `leading` a first-ranked hypothesis, `words` part of a title, a case id or an account id.
    """

    state: str = "waiting"
    queue: str = ""
    assignee: str = ""
    due: str = ""
    leading: str = ""
    words: str = ""
    order: Order = Order.RISK

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> QueueQuery:
        """The query of an address's parameters; InvalidInput for a state, order or due time that is none."""
        state, order, due = asked.get("state") or "waiting", asked.get("order") or Order.RISK, asked.get("due", "")
        if state not in STATES:
            raise InvalidInput(f"{state} is no state of cases", where="state", remedy=f"use one of {', '.join(STATES)}")
        if order not in set(Order):
            raise InvalidInput(f"cases have no order {order}", where="order", remedy=f"use one of {', '.join(Order)}")
        if due not in ("", "over"):
            raise InvalidInput(f"{due} says nothing of due times", where="due", remedy="write `over` or nothing")
        words = asked.get("q", "").replace("\x00", "").strip()[:_LONGEST_WORDS]
        return cls(
            state, asked.get("queue", ""), asked.get("assignee", ""), due, asked.get("leading", ""), words, Order(order)
        )

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of an address that asks the same, without those that ask nothing."""
        given = {
            "state": "" if self.state == "waiting" else self.state,
            "queue": self.queue,
            "assignee": self.assignee,
            "due": self.due,
            "leading": self.leading,
            "q": self.words,
            "order": "" if self.order is Order.RISK else self.order.value,
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One case as a line of the queue shows it; times in microseconds, `accounts` and `open_tasks` are counts."""

    case_id: str
    title: str
    state: CaseState
    queue: str
    risk: float
    accounts: int
    open_tasks: int
    assignee: str | None
    due_us: int | None
    opened_us: int
    updated_us: int
    version: int


Key = tuple[float | int, str]
_COLUMN: Final = {
    Order.RISK: cases.c.risk,
    Order.DUE: cases.c.due_us,
    Order.OPENED: cases.c.opened_us,
    Order.CHANGED: cases.c.updated_us,
}


def key_of(row: QueueRow, order: Order) -> Key:
    """Where a row stands in an order: with it the next page begins behind that row, whatever came in meanwhile."""
    value = {
        Order.RISK: row.risk,
        Order.DUE: row.due_us or 0,
        Order.OPENED: row.opened_us,
        Order.CHANGED: row.updated_us,
    }[order]
    return value, row.case_id


def example_key(order: Order) -> Key:
    """A key of the types that keys of an order have."""
    return (0.0, "") if order is Order.RISK else (0, "")


def queue_rows(
    database: Database, query: QueueQuery, me: str, now_us: int, *, after: Key | None = None, limit: int
) -> tuple[QueueRow, ...]:
    """At most `limit` rows behind a key, in the query's order; `me` is the person id of who asks.

    By due time the soonest comes first and what is never due is left out; else the highest comes first.
    """
    column, rising = _COLUMN[query.order], query.order is Order.DUE
    asked = select(cases).where(*_conditions(query, me, now_us, in_order=True))
    if rising:
        asked = asked.where(column.is_not(None)).order_by(column, cases.c.case_id)
    else:
        asked = asked.order_by(column.desc(), cases.c.case_id.desc())
    if after is not None:
        place = tuple_(column, cases.c.case_id)
        asked = asked.where(place > tuple_(*after) if rising else place < tuple_(*after))
    with database.read() as connection:
        return _rows(connection, asked.limit(limit))


def count_cases(database: Database, query: QueueQuery, me: str, now_us: int) -> int:
    """How many cases a query finds."""
    asked = select(func.count()).select_from(cases).where(*_conditions(query, me, now_us))
    with database.read() as connection:
        return int(connection.execute(asked).scalar_one())


def count_changed(database: Database, query: QueueQuery, me: str, now_us: int, *, since_us: int) -> int:
    """How many cases of a query changed, or came in, after a time."""
    asked = (
        select(func.count()).select_from(cases).where(*_conditions(query, me, now_us), cases.c.updated_us > since_us)
    )
    with database.read() as connection:
        # Asked again and again by every open page, and mostly there is nothing: the newest change of all tells that.
        if (connection.execute(select(func.max(cases.c.updated_us))).scalar_one() or 0) <= since_us:
            return 0
        return int(connection.execute(asked).scalar_one())


def waiting_by_queue(database: Database) -> Mapping[str, int]:
    """How many cases wait in each queue."""
    query = select(cases.c.queue, func.count()).where(_in_states(WAITING, by_index=False)).group_by(cases.c.queue)
    with database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def leading_hypotheses(database: Database) -> tuple[str, ...]:
    """Every hypothesis that is ranked first in some case."""
    query = select(cases.c.leading).where(cases.c.leading.is_not(None)).distinct().order_by(cases.c.leading)
    with database.read() as connection:
        return tuple(str(leading) for leading in connection.execute(query).scalars())


def _in_states(states: Sequence[CaseState], *, by_index: bool) -> ColumnElement[bool]:
    # SQLite takes the index of states wherever it can, and sorts or groups all that waits afterwards: at 60,000 cases
    # that is fifty milliseconds, where walking along another index takes one. Hidden in a function it is no index.
    column = cases.c.state if by_index else func.coalesce(cases.c.state, "")
    return column.in_([state.value for state in states])


def _conditions(query: QueueQuery, me: str, now_us: int, *, in_order: bool = False) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.state != "all":
        found.append(_in_states(STATES[query.state], by_index=not (in_order and query.state == "waiting")))
    if query.queue:
        found.append(cases.c.queue == query.queue)
    if query.assignee == "nobody":
        found.append(cases.c.assignee.is_(None))
    elif query.assignee:
        found.append(cases.c.assignee == (me if query.assignee == "me" else query.assignee))
    if query.due:
        found.append(cases.c.due_us < now_us)
    if query.leading:
        found.append(cases.c.leading == query.leading)
    if query.words:
        found.append(_says(query.words))
    return found


def _says(words: str) -> ColumnElement[bool]:
    wanted = words.lower()
    for sign in (_ESCAPE, "%", "_"):
        wanted = wanted.replace(sign, _ESCAPE + sign)
    pattern = f"%{wanted}%"
    texts = (cases.c.title, cases.c.case_id, func.coalesce(cases.c.cluster_id, ""))
    # One pass over all accounts, not a look at the accounts of each case.
    held = select(case_accounts.c.case_id).where(func.lower(case_accounts.c.account_id).like(pattern, escape=_ESCAPE))
    said = (func.lower(text).like(pattern, escape=_ESCAPE) for text in texts)
    return or_(*said, cases.c.case_id.in_(held))


def _rows(connection: Connection, asked: Select[Any]) -> tuple[QueueRow, ...]:
    rows = connection.execute(asked).all()
    ids = [row.case_id for row in rows]
    accounts = _counted(
        connection, select(case_accounts.c.case_id, func.count()).group_by(case_accounts.c.case_id), ids
    )
    open_tasks = select(case_tasks.c.case_id, func.count()).where(case_tasks.c.ended_us.is_(None))
    tasks = _counted(connection, open_tasks.group_by(case_tasks.c.case_id), ids)
    return tuple(
        QueueRow(
            case_id=row.case_id,
            title=row.title,
            state=CaseState(row.state),
            queue=row.queue,
            risk=row.risk,
            accounts=accounts.get(row.case_id, 0),
            open_tasks=tasks.get(row.case_id, 0),
            assignee=row.assignee,
            due_us=row.due_us,
            opened_us=row.opened_us,
            updated_us=row.updated_us,
            version=row.version,
        )
        for row in rows
    )


def _counted(connection: Connection, query: Select[Any], case_ids: Sequence[str]) -> Mapping[str, int]:
    column = query.selected_columns[0]
    return {row[0]: row[1] for row in connection.execute(query.where(column.in_(case_ids)))}
