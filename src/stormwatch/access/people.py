"""Who may act: people with one role each, their tokens and the machines' tokens; every change is on the ledger."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select, update

from stormwatch.access.acting import acting_person, confirmed_person
from stormwatch.access.factor_state import owes_factor
from stormwatch.access.invitations import withdraw_invitations
from stormwatch.access.issuing import issue_token, revoke_tokens_of
from stormwatch.access.joining import change_role_in, insert_person
from stormwatch.access.names import clean_name
from stormwatch.access.records import (
    RoleChange,
    TokenRecord,
    find_person,
    person_by_id,
    person_named,
    person_of,
    token_record_of,
)
from stormwatch.access.sessions import end_sessions_of
from stormwatch.access.tokens import is_secret, parse_token
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.principal import Person, Principal, Role, Scope
from stormwatch.model.times import HOUR, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.people import people, role_changes, tokens

_PERSONAL = frozenset({Scope.PERSON})
_FIRST_NAME = "administrator"


class Access:
    """People and tokens of one installation. Methods that change something need an administrator's principal."""

    def __init__(self, database: Database, ledger: Ledger, step_up_us: int = 0) -> None:
        self._database = database
        self._ledger = ledger
        self._step_up_us = step_up_us

    def first_administrator(self, name: str = _FIRST_NAME) -> tuple[Person, str] | None:
        """Makes the first administrator and a personal token; None once anybody exists."""
        with self._database.write() as connection:
            if connection.execute(select(func.count()).select_from(people)).scalar_one():
                return None
            person = insert_person(connection, self._ledger, name, Role.ADMINISTRATOR, SYSTEM)
            return person, issue_token(connection, self._ledger, SYSTEM, person, "first token", _PERSONAL, None)

    def add_person(self, by: Principal, name: str, role: Role) -> tuple[Person, str]:
        """A new person and a personal token for them, shown this once; Conflict when the name is taken."""
        with self._database.write() as connection:
            administrator = acting_person(connection, by, Role.ADMINISTRATOR)
            person = insert_person(connection, self._ledger, name, role, administrator.person_id)
            token = issue_token(
                connection, self._ledger, administrator.person_id, person, "first token", _PERSONAL, None
            )
            return person, token

    def change_role(self, by: Principal, name: str, role: Role) -> Person:
        """Gives somebody another role from now on; nobody changes their own, so an administrator always remains."""
        with self._database.write() as connection:
            administrator = acting_person(connection, by, Role.ADMINISTRATOR)
            person = person_named(connection, name)
            if person.role is role:
                raise Conflict(f"{person.name} is {role.value} already")
            _not_oneself(administrator, person, "changes their own role")
            return change_role_in(connection, self._ledger, person, role, administrator.person_id)

    def disable_person(self, by: Principal, name: str) -> Person:
        """Ends somebody's access for good: the person becomes inactive, tokens, sessions and one-time codes end."""
        with self._database.write() as connection:
            administrator = acting_person(connection, by, Role.ADMINISTRATOR)
            person = person_named(connection, name)
            _not_oneself(administrator, person, "disables themselves")
            if not person.active:
                raise Conflict(f"{person.name} is disabled already")
            connection.execute(update(people).where(people.c.person_id == person.person_id).values(active=False))
            self._ledger.append(connection, "person.disabled", administrator.person_id, person.person_id, {})
            revoke_tokens_of(connection, self._ledger, administrator.person_id, person)
            end_sessions_of(connection, person.person_id)
            withdraw_invitations(connection, person.person_id)
            return person_by_id(connection, person.person_id)

    def create_token(
        self,
        by: Principal,
        name: str,
        scopes: Collection[Scope],
        expires_us: int | None = None,
        label: str = "",
    ) -> str:
        """A token, shown this once: personal for scope `person` (name of a person), else a machine's called `name`.

        People make further tokens for themselves. An administrator who makes one for somebody else thereby revokes all
        that this person had, so that nobody can quietly hold a second key to another's account.
        """
        if Scope.PERSON not in scopes:
            return self.machine_token(by, name, scopes, expires_us)
        if set(scopes) != _PERSONAL:
            raise InvalidInput("a personal token carries the scope person and no other", remedy="make two tokens")
        with self._database.write() as connection:
            issuer = confirmed_person(connection, by)  # a token outlives the session that it was made in
            person = person_named(connection, name)
            if not person.active:
                raise Conflict(f"{person.name} is disabled")
            if issuer.person_id != person.person_id:
                acting_person(connection, by, Role.ADMINISTRATOR)
                revoke_tokens_of(connection, self._ledger, issuer.person_id, person)
            return issue_token(connection, self._ledger, issuer.person_id, person, label, _PERSONAL, expires_us)

    def machine_token(self, by: Principal, label: str, scopes: Collection[Scope], expires_us: int | None = None) -> str:
        """A token for a machine with `ingest`, `decide` or both; its label names it, also as collector of events."""
        if not scopes or Scope.PERSON in scopes:
            raise InvalidInput("a machine's token carries ingest, decide or both", remedy="name at least one scope")
        with self._database.write() as connection:
            administrator = acting_person(connection, by, Role.ADMINISTRATOR)
            if find_person(connection, label) is not None:
                raise Conflict(
                    f"{clean_name(label)} is a person", remedy="name the machine otherwise, or ask for the scope person"
                )
            return issue_token(
                connection,
                self._ledger,
                administrator.person_id,
                None,
                clean_name(label),
                frozenset(scopes),
                expires_us,
            )

    def revoke_token(self, by: Principal, token_id: str) -> None:
        """Makes a token useless at once; people revoke their own, administrators every one."""
        with self._database.write() as connection:
            actor = acting_person(connection, by)
            row = connection.execute(select(tokens).where(tokens.c.token_id == token_id)).first()
            if row is None or (row.person_id != actor.person_id and actor.role is not Role.ADMINISTRATOR):
                raise NotFound("there is no such token", where=token_id, remedy="`stormwatch token list` shows them")
            if row.revoked_us is not None:
                raise Conflict("this token is revoked already", where=token_id)
            connection.execute(update(tokens).where(tokens.c.token_id == token_id).values(revoked_us=now_us()))
            self._ledger.append(
                connection, "token.revoked", actor.person_id, row.person_id or token_id, {"token_id": token_id}
            )

    def authenticate(self, token: str) -> Principal:
        """Who a token stands for; Forbidden when it is unknown, expired, revoked or its holder disabled."""
        parsed = parse_token(token)
        if parsed is None:
            raise _unknown_token()
        token_id, secret = parsed
        with self._database.read() as connection:
            row = connection.execute(select(tokens).where(tokens.c.token_id == token_id)).first()
            if not is_secret(secret, None if row is None else row.secret_hash) or row is None:
                raise _unknown_token()
            person = None if row.person_id is None else person_by_id(connection, row.person_id)
            owes = person is not None and owes_factor(connection, person.person_id, None, self._step_up_us, now_us())
        record, now = token_record_of(row, person), now_us()
        if person is not None and not person.active:
            raise Forbidden(f"{person.name} is disabled", remedy="ask an administrator")
        if record.revoked_us is not None:
            raise Forbidden("this token was revoked", where=record.label, remedy="ask an administrator for a new one")
        if record.expires_us is not None and record.expires_us <= now:
            raise Forbidden("this token has expired", where=record.label, remedy="ask an administrator for a new one")
        if record.last_used_us is None or now - record.last_used_us >= HOUR:
            self._note_use(token_id, now)
        return Principal(person, token_id, record.scopes, record.label if person is None else person.name, owes)

    def people(self) -> tuple[Person, ...]:
        """Everybody, in the order of their names."""
        with self._database.read() as connection:
            return tuple(person_of(row) for row in connection.execute(select(people).order_by(people.c.name_key)))

    def person(self, name: str) -> Person:
        """The person of a name; NotFound when there is none."""
        with self._database.read() as connection:
            return person_named(connection, name)

    def tokens(self) -> tuple[TokenRecord, ...]:
        """All tokens, the oldest first, without secrets."""
        holders = {person.person_id: person for person in self.people()}
        with self._database.read() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.created_us, tokens.c.token_id)).all()
        return tuple(token_record_of(row, holders.get(row.person_id)) for row in rows)

    def role_changes(self) -> tuple[RoleChange, ...]:
        """Every role that anybody ever got, the oldest first: what was done in a former role stays theirs."""
        query = select(role_changes).order_by(role_changes.c.time_us, role_changes.c.change_id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return tuple(RoleChange(row.person_id, Role(row.role), row.time_us, row.changed_by) for row in rows)

    def _note_use(self, token_id: str, now: int) -> None:
        with self._database.write() as connection:
            connection.execute(update(tokens).where(tokens.c.token_id == token_id).values(last_used_us=now))


def _not_oneself(actor: Person, person: Person, deed: str) -> None:
    if actor.person_id == person.person_id:
        raise Forbidden(f"nobody {deed}", where=person.name, remedy="another administrator can")


def _unknown_token() -> Forbidden:
    return Forbidden("this token is not valid here", remedy="check STORMWATCH_TOKEN, or ask an administrator for one")
