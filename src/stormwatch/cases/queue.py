"""The queue: cases as the database holds them, with their history, notes and answers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, Select, select

from stormwatch.attribution.naming import hypothesis_words
from stormwatch.model.case import Case, CaseState
from stormwatch.model.errors import NotFound
from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import case_accounts, case_answers, case_history, case_notes, cases

_FEW: Final = 500  # above it one pass over all accounts is quicker than naming the cases


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote down on a case."""

    note_id: str
    by: str
    time_us: int
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Why an innocent explanation was set aside, or not."""

    alternative_id: str
    answer: str
    by: str
    time_us: int


@dataclass(frozen=True, slots=True)
class Related:
    """Ids of the cases whose accounts came into a case, and of those that took accounts out of it."""

    merged: tuple[str, ...]
    split: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of state; `from_state` is None for the opening."""

    from_state: CaseState | None
    to_state: CaseState
    by: str
    time_us: int
    reason: str


def title_of(accounts: int, leading: str) -> str:
    """What a case is called: how many accounts, and the hypothesis that is ranked first."""
    number = "One account" if accounts == 1 else f"{accounts} accounts"
    return f"{number}; first-ranked: {hypothesis_words(leading)}"


def list_cases(database: Database, states: Collection[CaseState] | None = None) -> tuple[Case, ...]:
    """Cases in these states (None: all), highest risk first."""
    query = select(cases).order_by(cases.c.risk.desc(), cases.c.opened_us, cases.c.case_id)
    if states is not None:
        query = query.where(cases.c.state.in_([state.value for state in states]))
    with database.read() as connection:
        return read_cases(connection, query)


def get_case(database: Database, case_id: str) -> Case:
    """One case; NotFound when there is none of that id."""
    with database.read() as connection:
        return case_row(connection, case_id)


def case_row(connection: Connection, case_id: str) -> Case:
    """One case inside the caller's transaction; NotFound when there is none of that id."""
    found = read_cases(connection, select(cases).where(cases.c.case_id == case_id))
    if not found:
        raise NotFound("there is no such case", where=case_id, remedy="see `stormwatch case list`")
    return found[0]


def cases_of_account(database: Database, account_id: str) -> tuple[Case, ...]:
    """Every case that holds the account, newest first."""
    held = select(case_accounts.c.case_id).where(case_accounts.c.account_id == account_id)
    query = select(cases).where(cases.c.case_id.in_(held)).order_by(cases.c.opened_us.desc(), cases.c.case_id)
    with database.read() as connection:
        return read_cases(connection, query)


def read_cases(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Case, ...]:
    """The cases that a query over the table `cases` selects, with their accounts."""
    rows = connection.execute(query).all()
    held: dict[str, list[str]] = {row.case_id: [] for row in rows}
    accounts = select(case_accounts.c.case_id, case_accounts.c.account_id).order_by(case_accounts.c.account_id)
    if len(rows) <= _FEW:
        accounts = accounts.where(case_accounts.c.case_id.in_(held))
    for case_id, account_id in connection.execute(accounts):
        if case_id in held:
            held[case_id].append(account_id)
    return tuple(_case(row, held[row.case_id]) for row in rows)


def notes_of(database: Database, case_id: str) -> tuple[Note, ...]:
    """The notes on a case, oldest first."""
    query = select(case_notes).where(case_notes.c.case_id == case_id).order_by(case_notes.c.time_us)
    with database.read() as connection:
        return tuple(Note(row.note_id, row.by, row.time_us, row.text) for row in connection.execute(query))


def related_cases(database: Database, case_id: str) -> Related:
    """The cases that were merged into this one, and those that were split from it, by id."""
    with database.read() as connection:
        merged, split = (
            tuple(
                connection.execute(select(cases.c.case_id).where(column == case_id).order_by(cases.c.case_id)).scalars()
            )
            for column in (cases.c.merged_into, cases.c.split_from)
        )
    return Related(merged, split)


def answers_of(connection: Connection, case_id: str) -> dict[str, Answer]:
    """The recorded answers on a case, by alternative, inside the caller's transaction."""
    query = select(case_answers).where(case_answers.c.case_id == case_id)
    return {
        row.alternative_id: Answer(row.alternative_id, row.answer, row.by, row.time_us)
        for row in connection.execute(query)
    }


def history_of(database: Database, case_id: str) -> tuple[HistoryEntry, ...]:
    """How a case came to its state, oldest first."""
    query = select(case_history).where(case_history.c.case_id == case_id).order_by(case_history.c.entry_id)
    with database.read() as connection:
        return tuple(
            HistoryEntry(
                CaseState(row.from_state) if row.from_state else None,
                CaseState(row.to_state),
                row.by,
                row.time_us,
                row.reason,
            )
            for row in connection.execute(query)
        )


def _case(row: Row[tuple[object, ...]], account_ids: list[str]) -> Case:
    return Case(
        case_id=row.case_id,
        subject_id=row.subject_id,
        state=CaseState(row.state),
        opened_us=row.opened_us,
        updated_us=row.updated_us,
        account_ids=tuple(account_ids),
        cluster_id=row.cluster_id,
        risk=row.risk,
        title=row.title,
        assignee=row.assignee,
        queue=row.queue,
        due_us=row.due_us,
        version=row.version,
        leading=row.leading,
        curated=row.curated,
        merged_into=row.merged_into,
        split_from=row.split_from,
    )
