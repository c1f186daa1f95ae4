"""Counts the changes of a case, so that a decision made on an older look at it is refused and not written over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select, update

from stormwatch.access.records import person_by_id
from stormwatch.model.errors import Conflict, NotFound
from stormwatch.model.times import format_rfc3339
from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import cases

HUNT: Final = "hunt"  # who changed it, when it was no person


def touch(connection: Connection, case_id: str, *, by: str, how: str, now_us: int) -> None:
    """Makes a change known inside the caller's write transaction; `how` reads on in "was ..."."""
    connection.execute(
        update(cases)
        .where(cases.c.case_id == case_id)
        .values(version=cases.c.version + 1, changed_by=by, changed_how=how, updated_us=now_us)
    )


def require_version(connection: Connection, case_id: str, seen: int | None) -> None:
    """Conflict, saying who did what meanwhile, unless the case is as it was when `seen` was shown (None: any)."""
    row = connection.execute(
        select(cases.c.version, cases.c.changed_by, cases.c.changed_how, cases.c.updated_us).where(
            cases.c.case_id == case_id
        )
    ).first()
    if row is None:
        raise NotFound("there is no such case", where=case_id, remedy="see `stormwatch case list`")
    if seen is not None and row.version != seen:
        raise Conflict(
            f"nothing was done, because the case changed after you looked: it {_change(connection, row)}",
            where=case_id,
            remedy="look at it again and decide anew; what you wrote is kept",
        )


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of a case: its version since, who did what (None: nothing since it was opened), and when."""

    version: int
    by: str | None
    how: str | None
    time_us: int


def last_change(database: Database, case_id: str) -> Change:
    """What a page that shows the case asks to learn whether it is still true; NotFound when there is no such case."""
    columns = (cases.c.version, cases.c.changed_by, cases.c.changed_how, cases.c.updated_us)
    with database.read() as connection:
        row = connection.execute(select(*columns).where(cases.c.case_id == case_id)).first()
        if row is None:
            raise NotFound("there is no such case", where=case_id)
        by = holder_name(connection, row.changed_by) if row.changed_by else None
    return Change(row.version, by, row.changed_how, row.updated_us)


def holder_name(connection: Connection, person_id: str) -> str:
    """The name of somebody who acts on cases, as people read it; the hunt is called so."""
    if person_id == HUNT:
        return "the hunt"
    try:
        return person_by_id(connection, person_id).name
    except NotFound:
        return person_id


def _change(connection: Connection, row: Any) -> str:
    by = f" by {holder_name(connection, row.changed_by)}" if row.changed_by else ""
    return f"was {row.changed_how or 'changed'}{by} at {format_rfc3339(row.updated_us)}"
