"""The identity provider's port over OpenID Connect: discovery, the code exchange, and every check of an ID token."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError

from stormwatch.access.identity_provider import Identity, IdentityRefused
from stormwatch.config import Settings
from stormwatch.model.errors import InvalidInput

CALLBACK: Final = "/console/login/callback"
# Signatures with a key pair alone: `none` and the HMAC family, where a public key could pass for a secret, are out.
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY_SECONDS: Final = 60
_TIMEOUT_SECONDS: Final = 10.0
_KEPT_SECONDS: Final = 300.0
_MOST_VALUES: Final = 200

Answer = TypeVar("Answer")


class _Metadata(BaseModel):
    """What of a provider's discovery document is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class OpenIDProvider:
    """One provider, by its issuer. What it publishes is asked for at first use and kept for five minutes."""

    def __init__(self, settings: Settings, issuer: str, redirect_uri: str) -> None:
        self._settings = settings
        self._issuer = issuer
        self._redirect_uri = redirect_uri
        self._lock = threading.Lock()
        self._known_metadata: tuple[_Metadata | None, float] = (None, 0.0)
        self._known_keys: tuple[KeySet | None, float] = (None, 0.0)

    @property
    def issuer(self) -> str:
        """Its issuer identifier."""
        return self._issuer

    @property
    def name(self) -> str:
        """What people call it."""
        return self._settings.oidc_name

    def address(self, state: str, nonce: str, challenge: str) -> str:
        """Where the browser is sent."""
        with self._client() as client:
            address, _ = client.create_authorization_url(
                self._metadata().authorization_endpoint,
                state=state,
                nonce=nonce,
                code_challenge=challenge,
                code_challenge_method="S256",
            )
        return str(address)

    def redeem(self, code: str, verifier: str, nonce: str) -> Identity:
        """Exchanges a code for an ID token and checks it (OpenID Connect Core 1.0, section 3.1.3.7)."""
        token = _ask(lambda: self._exchange(code, verifier)).get("id_token")
        if not isinstance(token, str):
            raise IdentityRefused("no-id-token")
        claims = self._claims(token)
        self._check(claims, nonce)
        return self._identity(claims)

    def _exchange(self, code: str, verifier: str) -> Mapping[str, Any]:
        endpoint = self._metadata().token_endpoint
        try:
            with self._client() as client:
                answer = client.fetch_token(
                    endpoint, code=code, code_verifier=verifier, grant_type="authorization_code"
                )
        except OAuthError as error:
            raise IdentityRefused("code") from error
        return cast("Mapping[str, Any]", answer)

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            return _opened(token, self._keys())
        except IdentityRefused:
            return _opened(token, self._keys(fresh=True))  # perhaps the provider has new keys

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        now = time.time()
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        client_id = self._settings.oidc_client_id
        checks: tuple[tuple[str, bool], ...] = (
            ("issuer", claims.get("iss") == self._issuer),
            ("audience", client_id in audiences),
            ("authorised-party", claims.get("azp", client_id) == client_id and (len(audiences) < 2 or "azp" in claims)),
            ("expired", _is_number(claims.get("exp")) and claims["exp"] > now - _LEEWAY_SECONDS),
            ("issued", _is_number(claims.get("iat")) and claims["iat"] < now + _LEEWAY_SECONDS),
            ("nonce", claims.get("nonce") == nonce),
            ("subject", isinstance(claims.get("sub"), str) and 0 < len(claims["sub"]) <= 255),
        )
        for reason, passed in checks:
            if not passed:
                raise IdentityRefused(reason)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        values = claims.get(self._settings.oidc_role_claim, [])
        listed = [values] if isinstance(values, str) else values if isinstance(values, list) else []
        name = claims.get("preferred_username") or claims.get("name") or ""
        return Identity(
            self._issuer,
            claims["sub"],
            name if isinstance(name, str) else "",
            tuple(value for value in listed[:_MOST_VALUES] if isinstance(value, str)),
        )

    def _client(self) -> OAuth2Client:
        secret = self._settings.oidc_client_secret
        return OAuth2Client(
            client_id=self._settings.oidc_client_id,
            client_secret=secret,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope=" ".join(self._settings.oidc_scopes),
            redirect_uri=self._redirect_uri,
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )

    def _metadata(self) -> _Metadata:
        with self._lock:
            known, asked = self._known_metadata
            if known is None or time.monotonic() - asked > _KEPT_SECONDS:
                known = self._ask_metadata()
                self._known_metadata = (known, time.monotonic())
        return known

    def _keys(self, *, fresh: bool = False) -> KeySet:
        address = self._metadata().jwks_uri
        with self._lock:
            known, asked = self._known_keys
            if fresh or known is None or time.monotonic() - asked > _KEPT_SECONDS:
                known = _ask(lambda: KeySet.import_key_set(_json(address)))
                self._known_keys = (known, time.monotonic())
        return known

    def _ask_metadata(self) -> _Metadata:
        document = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        found = _ask(lambda: _Metadata.model_validate(_json(document)))
        if found.issuer != self._issuer:
            raise IdentityRefused("issuer", "the provider calls itself otherwise than the settings do")
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if not _is_private_way(address):
                raise IdentityRefused("plain-http", "the provider names an address without TLS")
        return found


def openid_provider(settings: Settings) -> OpenIDProvider | None:
    """The provider of the settings, None where none is set; InvalidInput says which setting is missing or wrong."""
    issuer = settings.oidc_issuer
    if issuer is None:
        return None
    if not _is_private_way(issuer):
        raise InvalidInput(
            "the OpenID provider must be reached by TLS, unless it is on this machine",
            where="setting oidc_issuer",
            remedy="begin it with https://",
        )
    for name in ("oidc_client_id", "console_url"):
        if not getattr(settings, name):
            raise InvalidInput(
                "signing in with a provider needs this setting too",
                where=f"setting {name}",
                remedy=f"set STORMWATCH_{name.upper()}",
            )
    return OpenIDProvider(settings, issuer, f"{str(settings.console_url).rstrip('/')}{CALLBACK}")


def _opened(token: str, keys: KeySet) -> Mapping[str, Any]:
    try:
        return jwt.decode(token, keys, algorithms=list(_ALGORITHMS)).claims
    except (JoseError, ValueError) as error:
        raise IdentityRefused("signature") from error


def _ask(question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    except (httpx.HTTPError, JoseError, ValidationError, ValueError, KeyError, TypeError) as error:
        raise IdentityRefused(
            "unreachable", "the provider cannot be reached, or does not speak OpenID Connect"
        ) from error


def _json(address: str) -> Any:
    answer = httpx.get(address, timeout=_TIMEOUT_SECONDS, trust_env=False, follow_redirects=False)
    answer.raise_for_status()
    return answer.json()


def _is_private_way(address: str) -> bool:
    """Whether nobody on the way can read or change what is said: TLS, or this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.scheme == "http" and parts.hostname == "localhost"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
