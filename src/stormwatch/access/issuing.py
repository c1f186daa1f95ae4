"""A token's row and its ledger entry, made and revoked in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from stormwatch.access.records import scopes_text
from stormwatch.access.tokens import fresh_token
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import InvalidInput
from stormwatch.model.principal import Person, Scope
from stormwatch.model.times import now_us
from stormwatch.storage.tables.people import tokens


def issue_token(
    connection: Connection,
    ledger: Ledger,
    by: str,
    person: Person | None,
    label: str,
    scopes: frozenset[Scope],
    expires_us: int | None,
) -> str:
    """The text of a new token, the only time it exists; InvalidInput when it would be expired already."""
    now = now_us()
    if expires_us is not None and expires_us <= now:
        raise InvalidInput("a token cannot expire in the past", where=label)
    token, person_id = fresh_token(), person.person_id if person is not None else None
    connection.execute(
        insert(tokens).values(
            token_id=token.token_id,
            person_id=person_id,
            label=label,
            scopes=scopes_text(scopes),
            secret_hash=token.secret_hash,
            created_us=now,
            created_by=by,
            expires_us=expires_us,
        )
    )
    body = {"token_id": token.token_id, "label": label, "scopes": scopes_text(scopes), "expires_us": expires_us}
    ledger.append(connection, "token.issued", by, person_id or token.token_id, body)
    return token.text


def revoke_tokens_of(connection: Connection, ledger: Ledger, by: str, person: Person) -> None:
    """Revokes every token of a person that still stands, each with an entry of its own."""
    standing = (tokens.c.person_id == person.person_id) & tokens.c.revoked_us.is_(None)
    for token_id in connection.execute(select(tokens.c.token_id).where(standing)).scalars().all():
        connection.execute(update(tokens).where(tokens.c.token_id == token_id).values(revoked_us=now_us()))
        ledger.append(connection, "token.revoked", by, person.person_id, {"token_id": token_id})
