"""Who acts: the person behind a principal with the role that the database knows at that moment."""

from __future__ import annotations

from sqlalchemy import Connection

from stormwatch.access.permission import require
from stormwatch.access.records import person_by_id
from stormwatch.model.errors import FactorNeeded
from stormwatch.model.principal import Person, Principal, Role


def acting_person(connection: Connection, by: Principal, *roles: Role) -> Person:
    """The person, inside the caller's transaction; Forbidden unless they hold one of the roles now.

    A session may be older than a change of role, so the role that it was opened with is not what counts.
    """
    known = person_by_id(connection, require(by).person_id)
    return require(Principal(known, by.token_id, by.scopes, by.label), *roles)


def confirmed_person(connection: Connection, by: Principal, *roles: Role) -> Person:
    """The same for a deed that a stolen session must not do: FactorNeeded while a second factor has to be given anew.

    Who has no second factor is asked for none.
    """
    person = acting_person(connection, by, *roles)
    if by.owes_factor:
        raise FactorNeeded("this needs a fresh code of your second factor", where=person.name, remedy="give the code")
    return person
