"""Sign-ins under way at a provider: each bound to the browser that began it, good for one answer and a short while."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, insert, select

from stormwatch.access.identity_provider import Identity, IdentityProvider, IdentityRefused
from stormwatch.access.sessions import same_secret
from stormwatch.model.times import MINUTE, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.identities import identity_flows

LASTS_US: Final = 10 * MINUTE
_PURPOSE: Final = "identity-flow"


@dataclass(frozen=True, slots=True)
class Onward:
    """Where the browser goes next, and the cookie that it must still have when it comes back."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back: whom the provider vouches for, where the person wanted to go, whose session asked to link."""

    identity: Identity
    back: str
    session_id: str | None


class IdentityFlows:
    """The authorisation code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9700)."""

    def __init__(self, database: Database, keyring: Keyring, provider: IdentityProvider) -> None:
        self._database = database
        self._keyring = keyring
        self.provider = provider

    def begin(self, back: str, session_id: str | None = None) -> Onward:
        """Starts one; with a session it links an identity to its person instead of signing in."""
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        key, now = _hash(state), now_us()
        address = self.provider.address(state, nonce, _challenge(verifier))
        with self._database.write() as connection:
            connection.execute(delete(identity_flows).where(identity_flows.c.begun_us < now - LASTS_US))
            connection.execute(
                insert(identity_flows).values(
                    state_hash=key,
                    browser_hash=_hash(browser),
                    nonce=nonce,
                    sealed_verifier=self._keyring.encrypt(_PURPOSE, verifier.encode(), key.encode()).hex(),
                    back=back,
                    session_id=session_id,
                    begun_us=now,
                )
            )
        return Onward(address, browser)

    def finish(self, state: str, code: str, browser: str, issuer: str = "") -> Returned:
        """Whom the answer vouches for; IdentityRefused for an unknown, used or old state, or another browser's.

        `issuer` is RFC 9207's parameter where the provider sends it. The flow is over, whatever the answer says.
        """
        key = _hash(state)
        with self._database.write() as connection:
            row = connection.execute(select(identity_flows).where(identity_flows.c.state_hash == key)).first()
            if row is None or row.begun_us < now_us() - LASTS_US or not same_secret(row.browser_hash, _hash(browser)):
                raise IdentityRefused("state", "this answer belongs to no sign-in of this browser")
            connection.execute(delete(identity_flows).where(identity_flows.c.state_hash == key))
        if issuer and issuer != self.provider.issuer:
            raise IdentityRefused("issuer")
        if not code:
            raise IdentityRefused("denied")
        verifier = self._keyring.decrypt(_PURPOSE, bytes.fromhex(row.sealed_verifier), key.encode()).decode()
        return Returned(self.provider.redeem(code, verifier, row.nonce), row.back, row.session_id)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
