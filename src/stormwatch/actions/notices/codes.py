"""One-time codes with which an account holder appeals: printed in the notice that leaves, kept as keyed hashes."""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import Connection, insert, select

from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.notices import appeal_codes

_PURPOSE: Final = "appeal-code"
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no letter that looks like a digit
_GROUPS: Final = 5
_GROUP: Final = 4
_LONGEST_TYPED: Final = 64
_MISREAD: Final = str.maketrans("OIL", "011", " -\t\r\n")


def mint(connection: Connection, keyring: Keyring, notice_id: str, now_us: int) -> str:
    """A fresh code of 100 random bits for a notice. Earlier ones of it hold: a message may arrive twice."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    code = "-".join(groups)
    connection.execute(
        insert(appeal_codes).values(code_hash=hash_of(keyring, code), notice_id=notice_id, made_us=now_us)
    )
    return code


def notice_of_code(connection: Connection, keyring: Keyring, typed: str) -> str | None:
    """The id of the notice that a code was printed in, however it was typed; None for every other text."""
    query = select(appeal_codes.c.notice_id).where(appeal_codes.c.code_hash == hash_of(keyring, typed))
    return connection.execute(query).scalar_one_or_none()


def hash_of(keyring: Keyring, typed: str) -> str:
    """The keyed hash under which a code is kept."""
    short = typed[:_LONGEST_TYPED].upper().translate(_MISREAD)
    return keyring.keyed_hash(_PURPOSE, short.encode(errors="replace").decode())
