"""Tokens: `swp_<id>_<secret>` in people's hands, and of the secret only its SHA-256 in the database."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from stormwatch.model.ids import new_id

_PREFIX: Final = "swp"
_SECRET_BYTES: Final = 32
_SECRET_CHARS: Final = 43
_NO_HASH: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class FreshToken:
    """A token just made: `text` is shown once and kept nowhere."""

    token_id: str
    text: str
    secret_hash: str


def fresh_token() -> FreshToken:
    """A token with 256 random bits of secret."""
    token_id, secret = new_id("t"), secrets.token_urlsafe(_SECRET_BYTES)
    return FreshToken(token_id, f"{_PREFIX}_{token_id}_{secret}", hash_secret(secret))


def parse_token(text: str) -> tuple[str, str] | None:
    """Id and secret of a token, None when the text has not its form."""
    parts = text.strip().split("_", 2)
    if len(parts) != 3 or parts[0] != _PREFIX or len(parts[2]) != _SECRET_CHARS or not text.isascii():
        return None
    return parts[1], parts[2]


def hash_secret(secret: str) -> str:
    """SHA-256 in hex. A slow hash protects guessable passwords; 256 random bits cannot be guessed at any speed."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def is_secret(secret: str, stored_hash: str | None) -> bool:
    """Whether a secret is the stored one, in constant time, also when there is none to compare with."""
    return hmac.compare_digest(hash_secret(secret), stored_hash or _NO_HASH) and stored_hash is not None
