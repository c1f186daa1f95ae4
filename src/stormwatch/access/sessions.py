"""Sessions of people in the console: opaque cookies, their clocks, whose they are, and how they end."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update

from stormwatch.access.factor_state import owes_factor
from stormwatch.access.records import person_of
from stormwatch.model.errors import NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.principal import Person, Principal, Role, Scope
from stormwatch.model.times import HOUR, MINUTE, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.people import people, tokens
from stormwatch.storage.tables.sessions import sessions

IDLE_US: Final = 30 * MINUTE
LONGEST_US: Final = 8 * HOUR
AWAITING_US: Final = 5 * MINUTE
_SEEN_STEP_US: Final = MINUTE
_CSRF_PURPOSE: Final = "console-csrf"
_AGENT_CHARACTERS: Final = 200


class Method(StrEnum):
    """What somebody signed in with, first."""

    PASSWORD = "password"  # noqa: S105 - a word, not one
    TOKEN = "personal token"  # noqa: S105
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a request to sign in comes from; `known_browser` is the cookie of a browser that signed in before."""

    address: str
    agent: str = ""
    known_browser: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and the token that forms of this session must carry."""

    session_id: str
    principal: Principal
    person: Person
    method: Method
    csrf: str

    def may(self, *roles: str) -> bool:
        """Whether the person holds one of these roles; the rooms check again, this only hides what would be refused."""
        return self.person.role in {Role(role) for role in roles}


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What its owner may see of a session."""

    session_id: str
    method: Method
    opened_us: int
    seen_us: int
    address: str
    agent: str


class Sessions:
    """Sessions in the case database, which knows hashes of cookies alone.

    Person, role and token are looked up anew at every request, so that a change of role, a revoked token or a disabled
    person counts at once.
    """

    def __init__(self, database: Database, keyring: Keyring, step_up_us: int) -> None:
        self._database = database
        self._keyring = keyring
        self._step_up_us = step_up_us

    def open(
        self,
        connection: Connection,
        person: Person,
        method: Method,
        visit: Visit,
        *,
        token_id: str | None = None,
        awaits_factor: bool = False,
    ) -> str:
        """A cookie that nobody had before, in the caller's transaction. Sessions that ended are removed."""
        moment, cookie = now_us(), secrets.token_urlsafe(32)
        connection.execute(delete(sessions).where(_ended(moment)))
        connection.execute(
            insert(sessions).values(
                session_id=new_id("session"),
                cookie_hash=_hash(cookie),
                person_id=person.person_id,
                token_id=token_id,
                method=method.value,
                awaits_factor=awaits_factor,
                opened_us=moment,
                seen_us=moment,
                address=visit.address,
                agent=visit.agent[:_AGENT_CHARACTERS],
            )
        )
        return cookie

    def find(self, cookie: str, *, awaiting: bool = False, quiet: bool = False) -> Session | None:
        """The session of a cookie; None when there is none, it ended, or its token opens nothing any more.

        With `awaiting` that of somebody who still has to give their second factor, else of those who have. `quiet` is
        for a page that asks by itself: that is no sign of a person, so the session's clock of idleness runs on.
        """
        moment = now_us()
        with self._database.read() as connection:
            row = self._row(connection, cookie, moment)
            if row is None or bool(row.awaits_factor) is not awaiting:
                return None
            found = self._session(connection, row, moment)
        if not quiet and moment - row.seen_us > _SEEN_STEP_US:
            with self._database.write() as connection:
                connection.execute(
                    update(sessions).where(sessions.c.session_id == row.session_id).values(seen_us=moment)
                )
        return found

    def by_id(self, session_id: str) -> Session | None:
        """The session of an id that was kept on the server; None when it ended."""
        moment = now_us()
        live = (sessions.c.session_id == session_id) & ~sessions.c.awaits_factor & ~_ended(moment)
        with self._database.read() as connection:
            row = connection.execute(select(sessions).where(live)).first()
            return None if row is None else self._session(connection, row, moment)

    def prove(self, connection: Connection, session_id: str) -> str:
        """Notes that the second factor was given; gives the cookie that counts from now on instead of the old one."""
        moment, cookie = now_us(), secrets.token_urlsafe(32)
        row = connection.execute(select(sessions.c.awaits_factor).where(sessions.c.session_id == session_id)).first()
        if row is None:
            raise NotFound("this session has ended", remedy="sign in again")
        clocks = {"opened_us": moment} if row.awaits_factor else {}
        values = {
            "cookie_hash": _hash(cookie),
            "proved_us": moment,
            "seen_us": moment,
            "awaits_factor": False,
            **clocks,
        }
        connection.execute(update(sessions).where(sessions.c.session_id == session_id).values(**values))
        return cookie

    def close(self, cookie: str) -> None:
        """Ends a session; one that is not there stays so."""
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.cookie_hash == _hash(cookie)))

    def end(self, session: Session, session_id: str) -> None:
        """Ends one of the person's own sessions; NotFound for one of others."""
        with self._database.write() as connection:
            mine = (sessions.c.session_id == session_id) & (sessions.c.person_id == session.person.person_id)
            if connection.execute(delete(sessions).where(mine)).rowcount == 0:
                raise NotFound("there is no such session", where=session_id)

    def end_others(self, session: Session) -> None:
        """Signs a person out everywhere else."""
        with self._database.write() as connection:
            end_sessions_of(connection, session.person.person_id, except_for=session.session_id)

    def of(self, person: Person) -> tuple[SessionRecord, ...]:
        """A person's sessions that still run, the newest first."""
        moment = now_us()
        query = (
            select(sessions)
            .where((sessions.c.person_id == person.person_id) & ~sessions.c.awaits_factor & ~_ended(moment))
            .order_by(sessions.c.opened_us.desc(), sessions.c.session_id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return tuple(
            SessionRecord(row.session_id, Method(row.method), row.opened_us, row.seen_us, row.address, row.agent)
            for row in rows
        )

    def visitor_csrf(self, visitor: str) -> str:
        """What a form must carry that was made for somebody who is not signed in yet."""
        return self._keyring.keyed_hash(_CSRF_PURPOSE, f"visitor:{visitor}")

    def _row(self, connection: Connection, cookie: str, moment: int) -> Row[tuple[object, ...]] | None:
        live = (sessions.c.cookie_hash == _hash(cookie)) & ~_ended(moment)
        return connection.execute(select(sessions).where(live)).first()

    def _session(self, connection: Connection, row: Row[tuple[object, ...]], moment: int) -> Session | None:
        holder = connection.execute(select(people).where(people.c.person_id == row.person_id)).one()
        person = person_of(holder)
        if not person.active or (row.token_id is not None and not _token_stands(connection, row.token_id, moment)):
            return None
        owes = owes_factor(connection, person.person_id, row.proved_us, self._step_up_us, moment)
        principal = Principal(person, row.session_id, frozenset({Scope.PERSON}), person.name, owes)
        csrf = self._keyring.keyed_hash(_CSRF_PURPOSE, f"session:{row.session_id}")
        return Session(row.session_id, principal, person, Method(row.method), csrf)


def same_secret(expected: str, given: str) -> bool:
    """Whether two texts are equal, compared in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))


def end_sessions_of(connection: Connection, person_id: str, *, except_for: str = "") -> None:
    """Ends the sessions of a person, in the caller's transaction."""
    theirs = (sessions.c.person_id == person_id) & (sessions.c.session_id != except_for)
    connection.execute(delete(sessions).where(theirs))


def _ended(moment: int) -> ColumnElement[bool]:
    return (
        (sessions.c.seen_us < moment - IDLE_US)
        | (sessions.c.opened_us < moment - LONGEST_US)
        | (sessions.c.awaits_factor & (sessions.c.opened_us < moment - AWAITING_US))
    )


def _token_stands(connection: Connection, token_id: str, moment: int) -> bool:
    row = connection.execute(select(tokens).where(tokens.c.token_id == token_id)).first()
    return row is not None and row.revoked_us is None and (row.expires_us is None or row.expires_us > moment)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()
