"""A real HTTP gateway on loopback that knows a call by its idempotency key, and the adapter that calls it.

It stands for a gateway that keeps accounts out; what it did and was asked outlives whoever called.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from stormwatch.actions.ports import DeliveryFailed, Order
from stormwatch.model.case import DecisionState


@dataclass
class Kept:
    """What the gateway holds: the state of each account, each effect it had (key, account, state), each call's key."""

    states: dict[str, str] = field(default_factory=dict)
    effects: list[tuple[str, str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    key_generation: dict[str, int] = field(default_factory=dict)
    failing: int = 0
    deaf: bool = False

    def effects_on(self, account_id: str) -> list[str]:
        return [state for _, account, state in self.effects if account == account_id]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.kept: dict[str, Kept] = {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the library gives it
        """Says nothing."""

    def _held(self) -> tuple[Kept, str]:
        _, run, account_id = self.path.split("/", 2)
        return self.server.kept.setdefault(run, Kept()), account_id

    def do_PUT(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers["Idempotency-Key"]
        with self.server.lock:
            kept, account_id = self._held()
            kept.calls.append(key)
            if kept.failing:
                kept.failing -= 1
                return self._answer(503, {})
            if not kept.deaf and key not in {known for known, _, _ in kept.effects}:
                kept.effects.append((key, account_id, wanted["state"]))
                kept.states[account_id] = wanted["state"]
        caller = self.headers.get("X-Caller-Dies")
        if caller:  # the call was carried out, and its answer reaches nobody
            os.kill(int(caller), signal.SIGKILL)
            return None
        return self._answer(200, {"taken": True})

    def do_GET(self) -> None:
        with self.server.lock:
            kept, account_id = self._held()
            self._answer(200, {"state": kept.states.get(account_id, "allow")})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@dataclass
class GatewayDouble:
    """The running gateway. Each `run` is a gateway of its own, at `url(run)`."""

    server: _Server

    def url(self, run: str = "main") -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{run}"

    def kept(self, run: str = "main") -> Kept:
        return self.server.kept.setdefault(run, Kept())


@contextmanager
def running_gateway() -> Iterator[GatewayDouble]:
    """A gateway for the block."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield GatewayDouble(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class HttpGateway:
    """The port, filled with calls to the gateway."""

    def __init__(self, url: str, name: str = "http-double") -> None:
        self.name = name
        self._url = url
        # Nothing is encrypted here, and loading authorities would take longer than all the calls.
        self._client = httpx.Client(trust_env=False, timeout=10, verify=False)

    def apply(self, order: Order) -> None:
        self.call(order)

    def call(self, order: Order, **headers: str) -> None:
        headers = {"Idempotency-Key": order.idempotency_key, **headers}
        self._ask("PUT", order.account_id, {"state": order.state.value}, headers)

    def probe(self, account_id: str) -> DecisionState:
        return DecisionState(self._ask("GET", account_id)["state"])

    def _ask(self, method: str, account_id: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        try:
            answer = self._client.request(method, f"{self._url}/{account_id}", json=body, headers=headers)
            return answer.raise_for_status().json()
        except httpx.HTTPError as error:
            raise DeliveryFailed(f"no answer: {error}", where=self._url) from error
