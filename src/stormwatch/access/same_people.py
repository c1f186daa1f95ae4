"""Two accounts into one human being, where that is known: stated by an administrator, or told by who made the keys."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from stormwatch.access.acting import acting_person
from stormwatch.access.records import person_named
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.model.principal import Person, Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.credentials import passwords
from stormwatch.storage.tables.people import same_people, tokens
from stormwatch.storage.tables.sessions import sessions


def state_same_person(database: Database, ledger: Ledger, by: Principal, name: str, other: str) -> tuple[Person, ...]:
    """An administrator states that two accounts are one human being's; Conflict when that is stated already.

    It cannot be taken back: whoever could, could let somebody approve what they proposed.
    """
    with database.write() as connection:
        administrator = acting_person(connection, by, Role.ADMINISTRATOR)
        people = (person_named(connection, name), person_named(connection, other))
        first, second = sorted(person.person_id for person in people)
        if first == second:
            raise InvalidInput("that is one account", where=name, remedy="name two")
        if second in one_human_being(connection, first):
            raise Conflict("this is stated already", where=f"{name}, {other}")
        connection.execute(
            insert(same_people).values(
                person_id=first, other_id=second, stated_by=administrator.person_id, stated_us=now_us()
            )
        )
        ledger.append(connection, "person.same", administrator.person_id, first, {"other": second})
        return people


def one_human_being(connection: Connection, person_id: str) -> frozenset[str]:
    """All accounts that are the same human being's as this one, itself among them."""
    pairs = connection.execute(select(same_people.c.person_id, same_people.c.other_id)).all()
    found, before = {person_id}, set[str]()
    while found != before:
        before = set(found)
        found |= {end for first, second in pairs if {first, second} & before for end in (first, second)}
    return frozenset(found)


def why_the_same(connection: Connection, by: Principal, person_id: str) -> str | None:
    """Why whoever acts as `by` has to count as the person `person_id` too; None when nothing says so.

    Beside what an administrator stated, a token that this person made for the other account, or a password that began
    with their one-time code, is in their hands for all one knows: an administrator who became an analyst would else
    approve through it. A password keeps its beginning when it is changed; a code of another administrator ends it.
    """
    if by.person is None:
        return None
    if by.person.person_id == person_id:
        return "nobody approves what they proposed"
    human_being = one_human_being(connection, person_id)
    if by.person.person_id in human_being:
        return "these two accounts are stated to be one human being's, and nobody approves what they proposed"
    token_id = _token_behind(connection, by.token_id)
    if connection.execute(
        select(tokens.c.token_id).where(tokens.c.token_id == token_id, tokens.c.created_by.in_(human_being))
    ).first():
        return "whoever proposed this made the token that is used to approve it"
    if connection.execute(
        select(passwords.c.person_id).where(
            passwords.c.person_id == by.person.person_id, passwords.c.code_made_by.in_(human_being)
        )
    ).first():
        return (
            "whoever proposed this made the one-time code that the password of who approves began with; another "
            "administrator can reset it"
        )
    return None


def _token_behind(connection: Connection, token_id: str) -> str:
    """The token that a session was opened with, or the token itself."""
    opened_with = connection.execute(select(sessions.c.token_id).where(sessions.c.session_id == token_id)).scalar()
    return str(opened_with or token_id)
