"""How somebody becomes a person with a role, and gets another: rows and ledger entries in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, insert, update

from stormwatch.access.names import clean_name, name_key
from stormwatch.access.records import find_person, person_by_id
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict
from stormwatch.model.ids import new_id
from stormwatch.model.principal import Person, Role
from stormwatch.model.times import now_us
from stormwatch.storage.tables.people import people, role_changes


def insert_person(connection: Connection, ledger: Ledger, name: str, role: Role, by: str) -> Person:
    """A new person; Conflict when the name is taken, InvalidInput when it is none."""
    if find_person(connection, name) is not None:
        raise Conflict("this name is taken", where=clean_name(name), remedy="choose another")
    person = Person(new_id("person"), clean_name(name), role)
    connection.execute(
        insert(people).values(
            person_id=person.person_id,
            name=person.name,
            name_key=name_key(name),
            role=role.value,
            active=True,
            created_us=now_us(),
        )
    )
    _note_role(connection, person.person_id, role, by)
    ledger.append(connection, "person.added", by, person.person_id, {"role": role.value})
    return person


def change_role_in(connection: Connection, ledger: Ledger, person: Person, role: Role, by: str) -> Person:
    """The person with another role from now on."""
    connection.execute(update(people).where(people.c.person_id == person.person_id).values(role=role.value))
    _note_role(connection, person.person_id, role, by)
    body = {"from": person.role.value, "to": role.value}
    ledger.append(connection, "role.changed", by, person.person_id, body)
    return person_by_id(connection, person.person_id)


def _note_role(connection: Connection, person_id: str, role: Role, by: str) -> None:
    values = {"person_id": person_id, "role": role.value, "time_us": now_us(), "changed_by": by}
    connection.execute(insert(role_changes).values(change_id=new_id("role"), **values))
