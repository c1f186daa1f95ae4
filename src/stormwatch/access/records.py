"""Rows of the people tables into values, and the look-ups by id and by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from stormwatch.access.names import name_key
from stormwatch.model.errors import NotFound
from stormwatch.model.principal import Person, Role, Scope
from stormwatch.storage.tables.people import people


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What may be told of a token: never its secret. `person` is None for a machine's token."""

    token_id: str
    person: Person | None
    label: str
    scopes: frozenset[Scope]
    created_us: int
    created_by: str
    expires_us: int | None
    revoked_us: int | None
    last_used_us: int | None

    def state(self, now_us: int) -> str:
        """`valid`, `expired` or `revoked` at a time; a token of a disabled person is revoked."""
        if self.revoked_us is not None:
            return "revoked"
        return "expired" if self.expires_us is not None and self.expires_us <= now_us else "valid"


@dataclass(frozen=True, slots=True)
class RoleChange:
    """The role that somebody held from a time on, and the person_id (or `system`) who gave it."""

    person_id: str
    role: Role
    time_us: int
    changed_by: str


def person_of(row: Row[tuple[object, ...]]) -> Person:
    """A row of `people`."""
    return Person(row.person_id, row.name, Role(row.role), bool(row.active))


def token_record_of(row: Row[tuple[object, ...]], person: Person | None) -> TokenRecord:
    """A row of `tokens` with its holder."""
    return TokenRecord(
        row.token_id,
        person,
        row.label,
        scopes_of(row.scopes),
        row.created_us,
        row.created_by,
        row.expires_us,
        row.revoked_us,
        row.last_used_us,
    )


def scopes_of(text: str) -> frozenset[Scope]:
    """Scopes as they are stored."""
    return frozenset(Scope(word) for word in text.split())


def scopes_text(scopes: Collection[Scope]) -> str:
    """Scopes as they are stored: sorted, joined by a space."""
    return " ".join(sorted(scope.value for scope in scopes))


def find_person(connection: Connection, name: str) -> Person | None:
    """The person of a name, however it is capitalised."""
    row = connection.execute(select(people).where(people.c.name_key == name_key(name))).first()
    return None if row is None else person_of(row)


def person_named(connection: Connection, name: str) -> Person:
    """The person of a name; NotFound when there is none."""
    person = find_person(connection, name)
    if person is None:
        raise NotFound("nobody has this name", where=name, remedy="`stormwatch user list` shows who there is")
    return person


def person_by_id(connection: Connection, person_id: str) -> Person:
    """The person of an id; NotFound when there is none."""
    row = connection.execute(select(people).where(people.c.person_id == person_id)).first()
    if row is None:
        raise NotFound("nobody has this id", where=person_id)
    return person_of(row)
