"""Questions to the queue that a person keeps under a name, for themselves or for all, and asks again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import delete, insert, or_, select

from stormwatch.access.acting import acting_person
from stormwatch.cases.queue_query import QueueQuery
from stormwatch.cases.said import said
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.principal import Principal
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import saved_queries

_LONGEST_NAME: Final = 80
_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query under a name; a shared one is everybody's to ask and its maker's to drop."""

    query_id: str
    name: str
    query: QueueQuery
    made_by: str
    made_us: int
    shared: bool

    @property
    def address(self) -> str:
        """What stands behind the question mark of the queue's address."""
        return urlencode(self.query.parameters)


def saved_queries_of(database: Database, person_id: str) -> tuple[SavedQuery, ...]:
    """A person's own queries and those that are shared, by name."""
    mine = or_(saved_queries.c.made_by == person_id, saved_queries.c.shared)
    query = select(saved_queries).where(mine).order_by(saved_queries.c.name, saved_queries.c.query_id)
    with database.read() as connection:
        return tuple(
            SavedQuery(
                row.query_id,
                row.name,
                QueueQuery.of(dict(parse_qsl(row.query))),
                row.made_by,
                row.made_us,
                row.shared,
            )
            for row in connection.execute(query)
        )


def find_saved(database: Database, person_id: str, name: str) -> SavedQuery:
    """The query of a name or id, a person's own before a shared one; NotFound when there is none."""
    found = [each for each in saved_queries_of(database, person_id) if name in (each.name, each.query_id)]
    if not found:
        raise NotFound("there is no such saved query", where=name, remedy="see `stormwatch case queries`")
    return min(found, key=lambda each: each.made_by != person_id)


def save_query(
    database: Database, ledger: Ledger, by: Principal, name: str, query: QueueQuery, *, shared: bool = False
) -> SavedQuery:
    """Keeps a query under a name that the person has not given yet; anybody who signs in may."""
    kept = said(name, "a saved query needs a name")
    if len(kept) > _LONGEST_NAME:
        raise InvalidInput(f"the name has {len(kept)} characters", remedy=f"use at most {_LONGEST_NAME}")
    with database.write() as connection:
        person = acting_person(connection, by)
        mine = select(saved_queries.c.name).where(saved_queries.c.made_by == person.person_id)
        names = connection.execute(mine).scalars().all()
        if kept in names:
            raise Conflict("you have a query of this name", where=kept, remedy="drop it first, or use another name")
        if len(names) >= _MOST:
            raise Conflict(f"you have {_MOST} saved queries", remedy="drop one first")
        saved = SavedQuery(new_id("query"), kept, query, person.person_id, now_us(), shared)
        connection.execute(
            insert(saved_queries).values(
                query_id=saved.query_id,
                name=saved.name,
                query=saved.address,
                made_by=saved.made_by,
                made_us=saved.made_us,
                shared=shared,
            )
        )
        ledger.append(
            connection,
            "query.saved",
            person.person_id,
            saved.query_id,
            {"name": saved.name, "query": saved.address, "shared": shared},
        )
    return saved


def drop_query(database: Database, ledger: Ledger, by: Principal, query_id: str) -> None:
    """Drops a query of one's own; Forbidden for another's."""
    with database.write() as connection:
        person = acting_person(connection, by)
        row = connection.execute(select(saved_queries).where(saved_queries.c.query_id == query_id)).first()
        if row is None:
            raise NotFound("there is no such saved query", where=query_id)
        if row.made_by != person.person_id:
            raise Forbidden("somebody else saved this query", where=row.name)
        connection.execute(delete(saved_queries).where(saved_queries.c.query_id == query_id))
        ledger.append(connection, "query.dropped", person.person_id, query_id, {"name": row.name})
