"""One-time codes with which somebody sets a password: made for them, told once, stored as a hash, dead after use."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from stormwatch.access.tokens import hash_secret
from stormwatch.model.errors import Forbidden
from stormwatch.model.times import DAY, now_us
from stormwatch.storage.tables.credentials import invitations

_PREFIX: Final = "swi_"
LASTS_US: Final = 3 * DAY


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code just made: `code` is shown once and kept nowhere."""

    code: str
    expires_us: int


@dataclass(frozen=True, slots=True)
class Invited:
    """Whom a code is for, and who made it."""

    person_id: str
    made_by: str


def invite(connection: Connection, person_id: str, by: str) -> Invitation:
    """A fresh code for somebody; earlier ones of theirs are void from now on."""
    now = now_us()
    made = Invitation(_PREFIX + secrets.token_urlsafe(32), now + LASTS_US)
    withdraw_invitations(connection, person_id)
    connection.execute(
        insert(invitations).values(
            code_hash=hash_secret(made.code), person_id=person_id, made_us=now, made_by=by, expires_us=made.expires_us
        )
    )
    return made


def withdraw_invitations(connection: Connection, person_id: str) -> None:
    """Voids every code of somebody."""
    connection.execute(delete(invitations).where(invitations.c.person_id == person_id))


def invitation_of(connection: Connection, code: str) -> Invited:
    """What a code stands for; Forbidden, always in the same words, when it is none that counts."""
    row = connection.execute(select(invitations).where(invitations.c.code_hash == hash_secret(code.strip()))).first()
    if row is None or row.expires_us <= now_us():
        raise Forbidden("this code is not valid, was used or is too old", remedy="ask an administrator for a new one")
    return Invited(row.person_id, row.made_by)
