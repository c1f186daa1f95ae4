"""From a proof of who somebody is to a session: password, token or provider first, then the second factor."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection, update

from stormwatch.access.factor_state import has_factor
from stormwatch.access.known_browsers import KnownBrowsers
from stormwatch.access.names import name_key
from stormwatch.access.password_changes import stored_hash
from stormwatch.access.passwords import hash_password, is_outdated, is_password
from stormwatch.access.people import Access
from stormwatch.access.records import find_person
from stormwatch.access.second_factors import SecondFactors
from stormwatch.access.sessions import Method, Session, Sessions, Visit
from stormwatch.access.throttle import ACCOUNT, ADDRESS, Limit, count_attempt, forgive, forgive_once
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.errors import Forbidden, InvalidInput
from stormwatch.model.principal import Person, Principal, Scope
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.credentials import passwords

_BUCKET_PURPOSE: Final = "sign-in-bucket"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that began: its cookie, and whether the second factor has to follow before it opens anything."""

    cookie: str
    person: Person
    awaits_factor: bool


class SignIn:
    """The ways in. What is wrong with a refused attempt is told to nobody but the log."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        keyring: Keyring,
        access: Access,
        factors: SecondFactors,
        sessions: Sessions,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._keyring = keyring
        self._access = access
        self._factors = factors
        self._sessions = sessions
        self.browsers = KnownBrowsers(keyring)

    def by_password(self, name: str, password: str, visit: Visit) -> Opened:
        """A session for a name and its password; Forbidden alike for every wrong pair, TooManyAttempts after some.

        A name that nobody has is counted, and takes the time of a hash, as one that somebody has.
        """
        with self._database.write() as connection:
            person, stored = self._who(connection, name)
            known = person is not None and self.browsers.knows(visit.known_browser, person.person_id)
            buckets = self._buckets(name, visit, known=known)
            self._count(connection, buckets, person)
        if not is_password(password, stored) or person is None or stored is None:
            raise self._refused("password", person, visit)
        rehashed = hash_password(password) if is_outdated(stored) else None
        with self._database.write() as connection:
            self._forgive(connection, buckets)
            if rehashed is not None:
                mine = (passwords.c.person_id == person.person_id) & (passwords.c.hash == stored)
                connection.execute(update(passwords).where(mine).values(hash=rehashed))
            return self._open(connection, person, Method.PASSWORD, visit)

    def by_token(self, token: str, visit: Visit) -> Opened:
        """A session for a personal token, which ends with it; Forbidden for every other text."""
        try:
            principal = self._access.authenticate(token)
        except Forbidden:
            raise self._refused("token", None, visit) from None
        if principal.person is None or Scope.PERSON not in principal.scopes:
            raise self._refused("machine-token", None, visit)
        with self._database.write() as connection:
            return self._open(connection, principal.person, Method.TOKEN, visit, principal.token_id)

    def by_provider(self, person: Person, visit: Visit) -> Opened:
        """A session for somebody whom a provider named and who is known here."""
        if not person.active:
            raise self._refused("provider", person, visit)
        with self._database.write() as connection:
            return self._open(connection, person, Method.PROVIDER, visit)

    def give_factor(self, session: Session, code: str, visit: Visit) -> str:
        """The new cookie of a session whose person gave a right code: one that waited for it, or one that steps up.

        Forbidden for a wrong code, TooManyAttempts after some. The cookie from before is worth nothing.
        """
        if not self._is_factor(session.person, code, visit.known_browser):
            raise self._refused("second-factor", session.person, visit)
        with self._database.write() as connection:
            cookie = self._sessions.prove(connection, session.session_id)
        _log.info("second_factor_given", person=session.person.person_id, session=session.session_id)
        return cookie

    def prove_for_command(self, principal: Principal, code: str) -> Principal:
        """The principal of a command without the debt of a second factor; Forbidden for a wrong code."""
        person = principal.person
        if person is None:
            raise Forbidden("a machine has no second factor", where=principal.label)
        if not self._is_factor(person, code, ""):
            raise _wrong()
        return Principal(person, principal.token_id, principal.scopes, principal.label)

    def _is_factor(self, person: Person, code: str, mark: str) -> bool:
        known = self.browsers.knows(mark, person.person_id)
        bucket = self._bucket("factor", mark if known else person.person_id)
        with self._database.write() as connection:
            self._count(connection, {bucket: ACCOUNT}, person)
            is_right = self._factors.prove(connection, person.person_id, code)
            if is_right:
                forgive(connection, bucket)
        return is_right

    def _who(self, connection: Connection, name: str) -> tuple[Person | None, str | None]:
        try:
            person = find_person(connection, name)
        except InvalidInput:  # no name at all
            return None, None
        if person is None or not person.active:
            return None, None
        return person, stored_hash(connection, person.person_id)

    def _buckets(self, name: str, visit: Visit, *, known: bool) -> dict[str, Limit]:
        """A browser that signed in as this person before has a count of its own: strangers cannot shut it out."""
        if known:
            return {self._bucket("browser", visit.known_browser): ACCOUNT}
        return {
            self._bucket("account", _folded(name)): ACCOUNT,
            self._bucket("address", _network(visit.address)): ADDRESS,
        }

    def _bucket(self, kind: str, what: str) -> str:
        return f"{kind}:{self._keyring.keyed_hash(_BUCKET_PURPOSE, what)}"

    def _count(self, connection: Connection, buckets: dict[str, Limit], person: Person | None) -> None:
        for bucket in count_attempt(connection, buckets, now_us()):
            kind = bucket.partition(":")[0]
            # An address is nobody's deed and stays out of a record that is kept for good.
            if person is not None and kind != "address":
                self._ledger.append(connection, "sign_in.locked", SYSTEM, person.person_id, {"kind": kind})

    def _forgive(self, connection: Connection, buckets: dict[str, Limit]) -> None:
        for bucket in buckets:
            # One right password must not excuse all the wrong ones for other names from the same address.
            (forgive_once if bucket.startswith("address:") else forgive)(connection, bucket)

    def _open(
        self, connection: Connection, person: Person, method: Method, visit: Visit, token_id: str | None = None
    ) -> Opened:
        awaits = has_factor(connection, person.person_id)
        cookie = self._sessions.open(connection, person, method, visit, token_id=token_id, awaits_factor=awaits)
        _log.info("signed_in", person=person.person_id, method=method.value, awaits_factor=awaits)
        return Opened(cookie, person, awaits)

    def _refused(self, proof: str, person: Person | None, visit: Visit) -> Forbidden:
        # Never what was typed: people type passwords where names belong.
        _log.warning("sign_in_refused", proof=proof, person=person.person_id if person else None, address=visit.address)
        return _wrong()


def _wrong() -> Forbidden:
    return Forbidden("this is not right", remedy="check what you typed, or ask an administrator")


def _network(address: str) -> str:
    """What one party holds: an IPv4 address, or the 64 bits of an IPv6 address that a connection is given whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64 if parsed.version == 6 else 32), strict=False))


def _folded(name: str) -> str:
    try:
        return name_key(name)
    except InvalidInput:
        return "no name"
