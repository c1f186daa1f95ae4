"""Turns a personal token into a server-side session behind an opaque cookie, and a cookie back into its person."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select, update

from stormwatch.access.people import Access
from stormwatch.model.errors import Forbidden
from stormwatch.model.principal import Person, Principal, Role, Scope
from stormwatch.model.times import HOUR, MINUTE, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.console_sessions import console_sessions

IDLE_US: Final = 30 * MINUTE
LONGEST_US: Final = 8 * HOUR
_SEEN_STEP_US: Final = MINUTE
_PURPOSE: Final = "console-session"
_CSRF_PURPOSE: Final = "console-csrf"


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and the token that forms of this session must carry."""

    principal: Principal
    person: Person
    csrf: str

    def may(self, *roles: str) -> bool:
        """Whether the person holds one of these roles; the rooms check again, this only hides what would be refused."""
        return self.person.role in {Role(role) for role in roles}


class Sessions:
    """Sessions in the case database.

    The personal token lies there encrypted and is checked again on every request,
    so that revoking it, or changing its holder's role, works at once.
    """

    def __init__(self, database: Database, keyring: Keyring, access: Access) -> None:
        self._database = database
        self._keyring = keyring
        self._access = access

    def open(self, token: str) -> str:
        """A fresh cookie value for a personal token; Forbidden when it is none. Sessions that ended are removed."""
        _person(self._access.authenticate(token))
        cookie = secrets.token_urlsafe(32)
        moment, key = now_us(), _hash(cookie)
        sealed = self._keyring.encrypt(_PURPOSE, token.encode(), key.encode()).hex()
        ended = (console_sessions.c.seen_us < moment - IDLE_US) | (console_sessions.c.opened_us < moment - LONGEST_US)
        with self._database.write() as connection:
            connection.execute(delete(console_sessions).where(ended))
            row = {"session_hash": key, "sealed_token": sealed, "opened_us": moment, "seen_us": moment}
            connection.execute(insert(console_sessions).values(row))
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, or None when there is none, it ended, or its token no longer opens anything."""
        moment, key = now_us(), _hash(cookie)
        with self._database.read() as connection:
            row = connection.execute(select(console_sessions).where(console_sessions.c.session_hash == key)).first()
        if row is None or row.seen_us < moment - IDLE_US or row.opened_us < moment - LONGEST_US:
            return None
        try:
            token = self._keyring.decrypt(_PURPOSE, bytes.fromhex(row.sealed_token), key.encode()).decode()
            principal = self._access.authenticate(token)
            person = _person(principal)
        except Forbidden:
            self.close(cookie)
            return None
        if moment - row.seen_us > _SEEN_STEP_US:
            self._touch(key, moment)
        return Session(principal, person, self.csrf(cookie))

    def close(self, cookie: str) -> None:
        """Ends a session; one that is not there stays so."""
        with self._database.write() as connection:
            connection.execute(delete(console_sessions).where(console_sessions.c.session_hash == _hash(cookie)))

    def csrf(self, cookie: str) -> str:
        """What a form must carry that was made for the holder of this cookie."""
        return self._keyring.keyed_hash(_CSRF_PURPOSE, cookie)

    def csrf_matches(self, cookie: str, given: str) -> bool:
        """Whether a form was made for the holder of this cookie, compared in constant time."""
        return hmac.compare_digest(self.csrf(cookie).encode(), given.encode())

    def _touch(self, key: str, moment: int) -> None:
        with self._database.write() as connection:
            changed = update(console_sessions).where(console_sessions.c.session_hash == key).values(seen_us=moment)
            connection.execute(changed)


def _person(principal: Principal) -> Person:
    if principal.person is None or Scope.PERSON not in principal.scopes:
        raise Forbidden("this token belongs to a machine", remedy="sign in with a personal token")
    return principal.person


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
