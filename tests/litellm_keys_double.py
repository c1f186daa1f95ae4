"""A DOUBLE of LiteLLM's key API, which needs a database that its real proxy cannot have in these tests.

It follows what was captured of LiteLLM 1.106.2: the fields of a key's row as `/key/block` answers them, keys named by
the SHA-256 of their text, 401 for a blocked key with the real sentence, 404 for a user that is not known.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

MASTER = "sk-master-key-of-the-double"
_BLOCKED = "Key is blocked. Update via `/key/unblock` if you're an admin."


@dataclass
class LiteLLMDouble:
    """Users with their keys; `calls` are the changes that were asked for."""

    url: str = ""
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)

    def add_key(self, user: str, *, blocked: bool | None = None) -> str:
        """A new key of a user; gives its text."""
        self.users.add(user)
        text = f"sk-{len(self.keys)}-{user}"
        token = hashlib.sha256(text.encode()).hexdigest()
        self.keys[token] = {"token": token, "key_name": "sk-...zzNQ", "user_id": user, "team_id": None, "spend": 0.0}
        self.keys[token] |= {"blocked": blocked, "models": [], "metadata": {}, "expires": None}
        return text

    def chat(self, key: str) -> int:
        """The status that a request with a key gets."""
        headers = {"Authorization": f"Bearer {key}".encode()}
        return httpx.post(f"{self.url}/v1/chat/completions", headers=headers, trust_env=False).status_code


@contextmanager
def litellm_double() -> Iterator[LiteLLMDouble]:
    """Serves it on loopback until the block ends."""
    known = LiteLLMDouble()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if self.headers["Authorization"] != f"Bearer {MASTER}":
                self._answer(401, {"error": {"message": "Authentication Error", "code": "401"}})
            elif parts.path == "/user/info" and asked["user_id"] in known.users:
                keys = [key for key in known.keys.values() if key["user_id"] == asked["user_id"]]
                user = {"user_id": asked["user_id"], "spend": 0.0, "teams": []}
                self._answer(200, {"user_id": asked["user_id"], "user_info": user, "keys": keys, "teams": []})
            elif parts.path == "/key/info" and asked["key"] in known.keys:
                self._answer(200, {"key": asked["key"], "info": known.keys[asked["key"]]})
            else:
                self._answer(404, {"error": {"message": "not found", "code": "404"}})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            bearer = self.headers["Authorization"].encode("latin-1").decode().removeprefix("Bearer ")
            if self.path == "/v1/chat/completions":
                key = known.keys[hashlib.sha256(bearer.encode()).hexdigest()]
                refusal = {"error": {"message": _BLOCKED, "type": "auth_error", "code": "401"}}
                self._answer(401 if key["blocked"] else 200, refusal if key["blocked"] else {"choices": []})
            elif bearer != MASTER:
                self._answer(401, {"error": {"message": "Authentication Error", "code": "401"}})
            else:
                token = json.loads(body)["key"]
                known.calls.append((self.path, token))
                known.keys[token]["blocked"] = {"/key/block": True, "/key/unblock": False}[self.path]
                self._answer(200, known.keys[token])

        def _answer(self, status: int, content: Any) -> None:
            encoded = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *_: object) -> None:
            """Stays silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
