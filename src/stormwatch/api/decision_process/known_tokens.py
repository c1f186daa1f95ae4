"""Tokens of scope `decide` as the database had them, so that callers stay known while it is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from stormwatch.access.records import scopes_of
from stormwatch.access.tokens import is_secret, parse_token
from stormwatch.model.principal import Scope
from stormwatch.model.times import now_us
from stormwatch.storage.tables.people import tokens

_SCHEME: Final = "bearer"


class KnownToken(msgspec.Struct, frozen=True):
    """A machine's token: of its secret only the hash, as the database keeps it."""

    token_id: str
    secret_hash: str
    expires_us: int | None


class KnownTokens:
    """Tells whether a caller may ask."""

    def __init__(self, known: Sequence[KnownToken]) -> None:
        self._known = {each.token_id: each for each in known}

    def admit(self, authorization: str) -> bool:
        """Whether an Authorization header carries one of the tokens, and it has not expired."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() == _SCHEME and self.admit_token(token)

    def admit_token(self, text: str) -> bool:
        """The same for the token by itself."""
        parsed = parse_token(text)
        if parsed is None:
            return False
        token_id, secret = parsed
        known = self._known.get(token_id)
        if not is_secret(secret, None if known is None else known.secret_hash) or known is None:
            return False
        return known.expires_us is None or known.expires_us > now_us()


def read_tokens(connection: Connection) -> tuple[KnownToken, ...]:
    """The machines' tokens that carry the scope and are not revoked."""
    columns = (tokens.c.token_id, tokens.c.secret_hash, tokens.c.expires_us, tokens.c.scopes)
    query = select(*columns).where(tokens.c.revoked_us.is_(None), tokens.c.person_id.is_(None))
    rows = connection.execute(query.order_by(tokens.c.token_id))
    return tuple(KnownToken(row[0], row[1], row[2]) for row in rows if Scope.DECIDE in scopes_of(row.scopes))
