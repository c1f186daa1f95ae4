"""A double of an OpenID provider on loopback that lies on request; a real one never would.

Its contract is that of OpenID Connect Core 1.0 (section 3.1), Discovery 1.0 (section 4), RFC 6749 (section 4.1), RFC
7636 (section 4.6) and RFC 9207: it hands out a code per sign-in, redeems it once, for the right client, address and
verifier, and signs an ID token. `lie` changes claims, header, key or form of that token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

CLIENT = "stormwatch"
SECRET = "the client's secret at the double"


@dataclass
class Lie:
    """What is wrong with the next ID tokens."""

    claims: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    algorithm: str = "ES256"
    foreign_key: bool = False
    no_token: bool = False


@dataclass
class OpenIDDouble:
    """A running double; people are who `subject` and `claims` say at that moment."""

    issuer: str = ""
    subject: str = "subject-1"
    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "olga", "groups": ["floor"]})
    lie: Lie = field(default_factory=Lie)
    metadata: dict[str, Any] = field(default_factory=dict)
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1"}, private=True))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def turn_key(self) -> None:
        """Signs with another key from now on, and publishes it."""
        self.key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4)}, private=True)

    def documents(self, path: str) -> Mapping[str, Any]:
        """What is published below the issuer."""
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            **self.metadata,
        }

    def authorise(self, asked: Mapping[str, str]) -> str:
        """Where the browser goes after its person agreed."""
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(asked)
        answer = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return f"{asked['redirect_uri']}?{answer}"

    def redeem(self, form: Mapping[str, str], authorization: str) -> tuple[int, Mapping[str, Any]]:
        """The token endpoint."""
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != f"Basic {basic}":
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        answer = {"access_token": "unused", "token_type": "Bearer", "expires_in": 60}
        return 200, answer if self.lie.no_token else {**answer, "id_token": self._id_token(asked["nonce"])}

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        told = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            **self.claims,
            **self.lie.claims,
        }
        claims = {name: value for name, value in told.items() if name not in self.lie.without}
        if self.lie.algorithm == "none":
            return f"{_part({'alg': 'none', 'kid': 'k1'})}.{_part(claims)}."
        if self.lie.algorithm == "HS256":  # signed with what everybody can read: the public key
            public = json.dumps(self.key.as_dict(private=False)).encode()
            return jwt.encode({"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(public))
        key = ECKey.generate_key("P-256", {"kid": "k1"}, private=True) if self.lie.foreign_key else self.key
        return jwt.encode({"alg": self.lie.algorithm, "kid": key.kid}, claims, key)


def _part(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@contextmanager
def openid_double() -> Iterator[OpenIDDouble]:
    """Runs one on a free port of this machine."""
    double = OpenIDDouble()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            double.calls.append(parts.path)
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", double.authorise(dict(parse_qsl(parts.query))))
                self.end_headers()
            else:
                self._answer(200, double.documents(parts.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            double.calls.append(self.path)
            self._answer(*double.redeem(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, document: Mapping[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
