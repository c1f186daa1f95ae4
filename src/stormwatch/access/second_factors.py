"""Second factors: a time-based code (RFC 6238) from a secret that is shared once, and recovery codes for its loss."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Connection, Select, delete, func, insert, select, update

from stormwatch.access.acting import acting_person, confirmed_person
from stormwatch.access.factor_state import has_factor
from stormwatch.access.records import person_named
from stormwatch.access.sessions import end_sessions_of
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput
from stormwatch.model.principal import Person, Principal, Role
from stormwatch.model.times import SECOND, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.credentials import recovery_codes, second_factors

# RFC 6238 with the parameters that every authenticator app knows: SHA-1, 6 digits, 30 seconds (its sections 4 and 5.2),
# one step of drift to either side.
STEP_SECONDS: Final = 30
_DIGITS: Final = 6
_DRIFT: Final = 1
_SECRET_BYTES: Final = 20  # RFC 4226, section 4, R6
_RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 15  # 120 bits; SP 800-63B-4, section 3.1.2.2, wants no slow hash from 112 on
_SECRET_PURPOSE: Final = "second-factor"  # noqa: S105 - a purpose, not a secret
_RECOVERY_PURPOSE: Final = "recovery-code"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret that is shared now: as the address that a QR code carries, and as text to type."""

    uri: str
    secret: str


class SecondFactors:
    """Second factors of one installation; their secrets lie encrypted, recovery codes as keyed hashes."""

    def __init__(self, database: Database, ledger: Ledger, keyring: Keyring, issuer: str) -> None:
        self._database = database
        self._ledger = ledger
        self._keyring = keyring
        self._issuer = issuer

    def begin(self, by: Principal) -> Enrolment:
        """A fresh secret for oneself, which counts once a code from it was right; Conflict when one counts already."""
        with self._database.write() as connection:
            person = acting_person(connection, by)
            if has_factor(connection, person.person_id):
                raise Conflict("there is a second factor already", where=person.name, remedy="remove it first")
            secret = secrets.token_bytes(_SECRET_BYTES)
            sealed = self._keyring.encrypt(_SECRET_PURPOSE, secret, person.person_id.encode()).hex()
            connection.execute(delete(second_factors).where(second_factors.c.person_id == person.person_id))
            values = {"person_id": person.person_id, "sealed_secret": sealed, "begun_us": now_us()}
            connection.execute(insert(second_factors).values(values))
            return self._enrolment(person, secret)

    def begun(self, by: Principal) -> Enrolment | None:
        """The secret that waits for its first code, again; None when none waits."""
        with self._database.read() as connection:
            person = acting_person(connection, by)
            row = connection.execute(_row_of(person.person_id)).first()
            if row is None or row.confirmed_us is not None:
                return None
            return self._enrolment(person, self._secret(person.person_id, row.sealed_secret))

    def confirm(self, connection: Connection, by: Principal, code: str) -> tuple[str, ...]:
        """Makes the secret count, for a right code; gives the recovery codes, the only time they are told."""
        person = acting_person(connection, by)
        if has_factor(connection, person.person_id):
            raise Conflict("there is a second factor already", where=person.name)
        if not self._is_fresh_code(connection, person.person_id, code):
            raise _wrong_code()
        mine = second_factors.c.person_id == person.person_id
        connection.execute(update(second_factors).where(mine).values(confirmed_us=now_us()))
        self._ledger.append(connection, "second_factor.enrolled", person.person_id, person.person_id, {})
        return self._fresh_recovery_codes(connection, person.person_id)

    def prove(self, connection: Connection, person_id: str, code: str) -> bool:
        """Whether a code is right; no code is right twice. Counted attempts are the caller's business."""
        if not code.isascii() or not has_factor(connection, person_id):
            return False
        return self._is_fresh_code(connection, person_id, code) or self._is_recovery_code(connection, person_id, code)

    def renew_recovery_codes(self, by: Principal) -> tuple[str, ...]:
        """Ten new recovery codes; the old ones are void."""
        with self._database.write() as connection:
            person = confirmed_person(connection, by)
            if not has_factor(connection, person.person_id):
                raise Conflict("there is no second factor", where=person.name, remedy="set one up first")
            self._ledger.append(connection, "recovery_codes.renewed", person.person_id, person.person_id, {})
            return self._fresh_recovery_codes(connection, person.person_id)

    def remove(self, by: Principal) -> None:
        """Takes one's own second factor away; needs a fresh code of it."""
        with self._database.write() as connection:
            person = confirmed_person(connection, by)
            self._forget(connection, person.person_id)
            self._ledger.append(connection, "second_factor.removed", person.person_id, person.person_id, {})

    def reset(self, by: Principal, name: str) -> Person:
        """An administrator takes somebody's lost second factor away; that person's sessions end."""
        with self._database.write() as connection:
            administrator = acting_person(connection, by, Role.ADMINISTRATOR)
            person = person_named(connection, name)
            if person.person_id == administrator.person_id:
                raise Forbidden("nobody resets their own second factor", where=name, remedy="another administrator can")
            if not has_factor(connection, person.person_id):
                raise Conflict("there is no second factor to reset", where=person.name)
            self._forget(connection, person.person_id)
            end_sessions_of(connection, person.person_id)
            self._ledger.append(connection, "second_factor.reset", administrator.person_id, person.person_id, {})
            return person

    def enrolled(self, person_id: str) -> bool:
        """Whether somebody has a second factor."""
        with self._database.read() as connection:
            return has_factor(connection, person_id)

    def holders(self) -> frozenset[str]:
        """The person_ids of all who have a second factor."""
        confirmed = select(second_factors.c.person_id).where(second_factors.c.confirmed_us.is_not(None))
        with self._database.read() as connection:
            return frozenset(connection.execute(confirmed).scalars())

    def recovery_codes_left(self, person_id: str) -> int:
        """How many recovery codes somebody has not used."""
        unused = (recovery_codes.c.person_id == person_id) & recovery_codes.c.used_us.is_(None)
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(recovery_codes).where(unused)).scalar_one()

    def _is_fresh_code(self, connection: Connection, person_id: str, code: str) -> bool:
        row = connection.execute(_row_of(person_id)).first()
        given = code.replace(" ", "")
        if row is None or len(given) != _DIGITS or not (given.isascii() and given.isdigit()):
            return False
        clock = _clock(self._secret(person_id, row.sealed_secret))
        present = now_us() // SECOND // STEP_SECONDS
        for step in range(present - _DRIFT, present + _DRIFT + 1):
            is_right = hmac.compare_digest(clock.generate(step * STEP_SECONDS), given.encode())
            if is_right and (row.last_step is None or step > row.last_step):
                mine = second_factors.c.person_id == person_id
                connection.execute(update(second_factors).where(mine).values(last_step=step))
                return True
        return False

    def _is_recovery_code(self, connection: Connection, person_id: str, code: str) -> bool:
        code_hash = self._recovery_hash(person_id, code)
        unused = (
            (recovery_codes.c.person_id == person_id)
            & (recovery_codes.c.code_hash == code_hash)
            & recovery_codes.c.used_us.is_(None)
        )
        if connection.execute(update(recovery_codes).where(unused).values(used_us=now_us())).rowcount == 0:
            return False
        self._ledger.append(connection, "recovery_code.used", person_id, person_id, {})
        return True

    def _fresh_recovery_codes(self, connection: Connection, person_id: str) -> tuple[str, ...]:
        codes = tuple(_recovery_code() for _ in range(_RECOVERY_CODES))
        connection.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))
        rows = [{"code_hash": self._recovery_hash(person_id, code), "person_id": person_id} for code in codes]
        connection.execute(insert(recovery_codes), rows)
        return codes

    def _forget(self, connection: Connection, person_id: str) -> None:
        for table in (second_factors, recovery_codes):
            connection.execute(delete(table).where(table.c.person_id == person_id))

    def _recovery_hash(self, person_id: str, code: str) -> str:
        plain = code.replace("-", "").replace(" ", "").upper()
        return self._keyring.keyed_hash(_RECOVERY_PURPOSE, f"{person_id}:{plain}")

    def _secret(self, person_id: str, sealed: str) -> bytes:
        return self._keyring.decrypt(_SECRET_PURPOSE, bytes.fromhex(sealed), person_id.encode())

    def _enrolment(self, person: Person, secret: bytes) -> Enrolment:
        uri = _clock(secret).get_provisioning_uri(person.name, self._issuer)
        return Enrolment(uri, _grouped(base64.b32encode(secret).decode(), " "))


def _clock(secret: bytes) -> TOTP:
    return TOTP(secret, _DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - HMAC-SHA-1, as the RFC and the apps have it


def _row_of(person_id: str) -> Select[Any]:
    return select(second_factors).where(second_factors.c.person_id == person_id)


def _recovery_code() -> str:
    return _grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode(), "-")


def _grouped(text: str, between: str) -> str:
    parts: Sequence[str] = [text[start : start + 4] for start in range(0, len(text), 4)]
    return between.join(parts)


def _wrong_code() -> InvalidInput:
    return InvalidInput("this code is not right", remedy="wait for the next one, and check the clock of your device")
