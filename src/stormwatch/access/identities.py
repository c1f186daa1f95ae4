"""Whose an identity at a provider is: linked by (issuer, subject) alone, or new here with a role that a claim gives.

A name or mail address never links: whoever can choose theirs at the provider could be anybody here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from stormwatch.access.acting import confirmed_person
from stormwatch.access.identity_provider import Identity, IdentityRefused
from stormwatch.access.joining import change_role_in, insert_person
from stormwatch.access.records import person_by_id
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, InvalidInput, NotFound
from stormwatch.model.principal import Person, Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.identities import identities

PROVIDER = "identity-provider"  # who acts, on the ledger, when a claim decides


@dataclass(frozen=True, slots=True)
class LinkedIdentity:
    """An identity that somebody signs in with; `follows_claims`: their role follows the provider's word."""

    issuer: str
    subject: str
    follows_claims: bool
    linked_us: int


class Identities:
    """Identities of one installation. `roles` maps values of the provider's claim to roles, never administrator."""

    def __init__(self, database: Database, ledger: Ledger, roles: Mapping[str, Role]) -> None:
        self._database = database
        self._ledger = ledger
        self._roles = roles

    def person_for(self, identity: Identity) -> Person:
        """The person of an identity. One that is new here becomes a person when the claim gives exactly one role.

        IdentityRefused when nobody is linked and the claim gives no role or several, or when the name is taken. The
        role of people who came this way follows the claim at each sign-in; that of linked people never does.
        """
        with self._database.write() as connection:
            row = connection.execute(_row_of(identity)).first()
            if row is None:
                return self._join(connection, identity)
            person = person_by_id(connection, row.person_id)
            if row.follows_claims and person.active and person.role is not Role.ADMINISTRATOR:
                return self._follow(connection, person, identity)
            return person

    def link(self, by: Principal, identity: Identity) -> None:
        """Links an identity to oneself; Conflict when it is linked already."""
        with self._database.write() as connection:
            person = confirmed_person(connection, by)
            if connection.execute(_row_of(identity)).first() is not None:
                raise Conflict("this identity is linked already", remedy="unlink it where it is linked first")
            self._keep(connection, identity, person.person_id, person.person_id, follows_claims=False)

    def unlink(self, by: Principal, issuer: str, subject: str) -> None:
        """Takes one of one's own identities away."""
        with self._database.write() as connection:
            person = confirmed_person(connection, by)
            mine = (
                (identities.c.issuer == issuer)
                & (identities.c.subject == subject)
                & (identities.c.person_id == person.person_id)
            )
            if connection.execute(delete(identities).where(mine)).rowcount == 0:
                raise NotFound("there is no such identity", where=issuer)
            self._ledger.append(connection, "identity.unlinked", person.person_id, person.person_id, {"issuer": issuer})

    def of(self, person: Person) -> tuple[LinkedIdentity, ...]:
        """What somebody can sign in with."""
        query = select(identities).where(identities.c.person_id == person.person_id).order_by(identities.c.linked_us)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return tuple(LinkedIdentity(row.issuer, row.subject, bool(row.follows_claims), row.linked_us) for row in rows)

    def _join(self, connection: Connection, identity: Identity) -> Person:
        role = self._role(identity)
        try:
            person = insert_person(connection, self._ledger, identity.name, role, PROVIDER)
        except Conflict as error:
            raise IdentityRefused(
                "name-taken", "somebody here has your name already; sign in as before and link the provider there"
            ) from error
        except InvalidInput as error:
            raise IdentityRefused("name", "the provider gave no name that can be used here") from error
        self._keep(connection, identity, person.person_id, PROVIDER, follows_claims=True)
        return person

    def _follow(self, connection: Connection, person: Person, identity: Identity) -> Person:
        role = self._role(identity)
        return person if role is person.role else change_role_in(connection, self._ledger, person, role, PROVIDER)

    def _role(self, identity: Identity) -> Role:
        given = {self._roles[value] for value in identity.role_values if value in self._roles}
        if len(given) != 1:
            raise IdentityRefused(
                "several-roles" if given else "no-role",
                "the provider gives you several roles here, and everybody has one"
                if given
                else "nobody here is linked to you, and the provider gives you no role",
            )
        (role,) = given
        if role is Role.ADMINISTRATOR:  # the settings refuse such a map; this is the second lock on that door
            raise IdentityRefused("administrator")
        return role

    def _keep(
        self, connection: Connection, identity: Identity, person_id: str, by: str, *, follows_claims: bool
    ) -> None:
        connection.execute(
            insert(identities).values(
                issuer=identity.issuer,
                subject=identity.subject,
                person_id=person_id,
                follows_claims=follows_claims,
                linked_us=now_us(),
                linked_by=by,
            )
        )
        self._ledger.append(connection, "identity.linked", by, person_id, {"issuer": identity.issuer})


def _row_of(identity: Identity) -> Select[Any]:
    mine = (identities.c.issuer == identity.issuer) & (identities.c.subject == identity.subject)
    return select(identities).where(mine)
