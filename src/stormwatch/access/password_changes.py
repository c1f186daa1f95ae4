"""How passwords come and go: one-time codes that set one, changes by their owner, resets by administrators."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from stormwatch.access.acting import acting_person, confirmed_person
from stormwatch.access.invitations import Invitation, invitation_of, invite, withdraw_invitations
from stormwatch.access.issuing import revoke_tokens_of
from stormwatch.access.password_rules import require_acceptable
from stormwatch.access.passwords import hash_password, is_password
from stormwatch.access.records import person_by_id, person_named
from stormwatch.access.sessions import Session, end_sessions_of
from stormwatch.access.throttle import ACCOUNT, count_attempt, forgive
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.errors import Conflict, Forbidden
from stormwatch.model.principal import Person, Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.credentials import passwords
from stormwatch.storage.tables.people import tokens

_WITH_CODE: Final = "one-time code"
_SIGNED_IN: Final = "session"


class Passwords:
    """Passwords of one installation. Nothing here tells one; every change is on the ledger."""

    def __init__(self, database: Database, ledger: Ledger, provider_name: str) -> None:
        self._database = database
        self._ledger = ledger
        self._provider_name = provider_name

    def invite(self, by: Principal, name: str) -> Invitation:
        """A one-time code for setting a password, for oneself or, as an administrator, for somebody else.

        A code for somebody who was here already voids all they had: password, sessions and tokens. So nobody can
        quietly hold a second key to another's account.
        """
        with self._database.write() as connection:
            actor = acting_person(connection, by)
            person = person_named(connection, name)
            if not person.active:
                raise Conflict(f"{person.name} is disabled")
            if actor.person_id != person.person_id:
                acting_person(connection, by, Role.ADMINISTRATOR)
                if _was_here(connection, person.person_id):
                    self._void(connection, person, actor.person_id)
            made = invite(connection, person.person_id, actor.person_id)
            body = {"expires_us": made.expires_us}
            self._ledger.append(connection, "password.invited", actor.person_id, person.person_id, body)
            return made

    def redeem(self, code: str, password: str) -> Person:
        """Sets the password that a one-time code allows, once. Tokens that others made for the person are revoked.

        Forbidden for a code that is none; InvalidInput for a password that may be none, and then the code still counts.
        """
        with self._database.read() as connection:
            person = person_by_id(connection, invitation_of(connection, code).person_id)
        require_acceptable(password, (person.name, self._provider_name))
        hashed = hash_password(password)
        with self._database.write() as connection:
            invitation = invitation_of(connection, code)  # again: of two who hold it, one is first
            person = person_by_id(connection, invitation.person_id)
            if not person.active:
                raise Forbidden(f"{person.name} is disabled", remedy="ask an administrator")
            maker = _who_may_hold_it(connection, person.person_id)
            if invitation.made_by != person.person_id:
                maker = invitation.made_by
                self._revoke_tokens_made_by_others(connection, person)
            withdraw_invitations(connection, person.person_id)
            end_sessions_of(connection, person.person_id)
            self._keep(connection, person.person_id, hashed, _WITH_CODE, maker)
            return person

    def change(self, session: Session, old: str, new: str) -> None:
        """Sets one's own password; needs the old one where there is one, and a fresh second factor where there is one.

        All other sessions end.
        """
        person_id = session.person.person_id
        with self._database.write() as connection:
            confirmed_person(connection, session.principal)
            stored = stored_hash(connection, person_id)
            count_attempt(connection, {f"change:{person_id}": ACCOUNT}, now_us())
        if stored is not None and not is_password(old, stored):
            raise Forbidden("the present password is not right", remedy="try again, or ask for a one-time code")
        require_acceptable(new, (session.person.name, self._provider_name))
        hashed = hash_password(new)
        with self._database.write() as connection:
            confirmed_person(connection, session.principal)
            forgive(connection, f"change:{person_id}")
            withdraw_invitations(connection, person_id)
            end_sessions_of(connection, person_id, except_for=session.session_id)
            self._keep(connection, person_id, hashed, _SIGNED_IN, _who_may_hold_it(connection, person_id))

    def has_password(self, person_id: str) -> bool:
        """Whether somebody has one."""
        with self._database.read() as connection:
            return stored_hash(connection, person_id) is not None

    def _keep(self, connection: Connection, person_id: str, hashed: str, means: str, code_made_by: str | None) -> None:
        kept = {"person_id": person_id, "hash": hashed, "set_us": now_us(), "code_made_by": code_made_by}
        connection.execute(delete(passwords).where(passwords.c.person_id == person_id))
        connection.execute(insert(passwords).values(kept))
        self._ledger.append(connection, "password.set", person_id, person_id, {"with": means})

    def _void(self, connection: Connection, person: Person, by: str) -> None:
        connection.execute(delete(passwords).where(passwords.c.person_id == person.person_id))
        end_sessions_of(connection, person.person_id)
        revoke_tokens_of(connection, self._ledger, by, person)
        self._ledger.append(connection, "password.reset", by, person.person_id, {})

    def _revoke_tokens_made_by_others(self, connection: Connection, person: Person) -> None:
        own = (SYSTEM, person.person_id)
        theirs = (tokens.c.person_id == person.person_id) & tokens.c.revoked_us.is_(None)
        found = connection.execute(select(tokens.c.token_id).where(theirs & tokens.c.created_by.not_in(own)))
        for token_id in found.scalars().all():
            connection.execute(update(tokens).where(tokens.c.token_id == token_id).values(revoked_us=now_us()))
            self._ledger.append(connection, "token.revoked", person.person_id, person.person_id, {"token_id": token_id})


def stored_hash(connection: Connection, person_id: str) -> str | None:
    """The hash of somebody's password; None where there is none."""
    found = connection.execute(select(passwords.c.hash).where(passwords.c.person_id == person_id)).scalar()
    return None if found is None else str(found)


def _who_may_hold_it(connection: Connection, person_id: str) -> str | None:
    """Who made the code that somebody's password began with: with it they may have set it, and changed it since."""
    found = connection.execute(select(passwords.c.code_made_by).where(passwords.c.person_id == person_id)).scalar()
    return None if found is None else str(found)


def _was_here(connection: Connection, person_id: str) -> bool:
    """Whether anybody has acted under this name: then a new code is a second key, else it is the first."""
    used = (tokens.c.person_id == person_id) & tokens.c.last_used_us.is_not(None)
    return (
        stored_hash(connection, person_id) is not None
        or connection.execute(select(tokens.c.token_id).where(used)).first() is not None
    )
