"""Each adapter of the gateway port before what it speaks to, so that one test body runs over all of them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

from alert_receiver import SECRET
from litellm_keys_double import MASTER, litellm_double
from serving import deciding, free_port
from stormwatch.actions.ports import Gateway, Order
from stormwatch.adapters.decision_endpoint import DecisionEndpoint
from stormwatch.adapters.gateway_webhook import GatewayWebhook
from stormwatch.adapters.litellm_keys import LiteLLMKeys
from stormwatch.adapters.scim_users import ScimUsers
from stormwatch.model.case import DecisionState
from stormwatch.model.principal import Scope
from stormwatch.runtime import Runtime

SCIM_TOKEN = "a-token-of-the-scim-server"
_PATIENCE_SECONDS = 60.0


@dataclass
class Bench:
    """A gateway, how to make an account known there, and whether the account's requests pass."""

    gateway: Gateway
    add: Callable[[str], None]
    passes: Callable[[str], bool]
    before_order: Callable[[Order], None] = lambda order: None
    remote: bool = True
    parts: Any = None


def order(account: str, state: DecisionState, number: int = 1) -> Order:
    """An order under a key that follows from its content."""
    reason = None if state is DecisionState.ALLOW else "fraud"
    return Order(number, "action-1", account, state, reason, None, f"action-1.{state.value}.{number}.{hash(account)}")


@contextmanager
def decision_list(runtime: Runtime, _folder: Path) -> Iterator[Bench]:
    """The decision endpoint, read back from the database."""
    endpoint = DecisionEndpoint(runtime.database)
    enter = _decider(runtime)
    yield Bench(endpoint, lambda _: None, lambda who: endpoint.probe(who) is not DecisionState.SUSPENDED, enter, False)


@contextmanager
def decision_process(runtime: Runtime, folder: Path) -> Iterator[Bench]:
    """The decision endpoint as a process of its own."""
    first = runtime.access.first_administrator()
    assert first is not None
    administrator = runtime.access.authenticate(first[1])
    token = runtime.access.machine_token(administrator, "gateway", [Scope.DECIDE])
    with deciding(runtime.settings.home, folder / "decide.log") as server:
        endpoint = DecisionEndpoint(runtime.database, url=server.url, token=token)

        def passes(account: str) -> bool:
            headers = {"Authorization": f"Bearer {token}".encode(), "X-Stormwatch-Account": account.encode()}
            return httpx.get(f"{server.url}/v1/decision/auth", headers=headers).status_code == 204

        yield Bench(endpoint, lambda _: None, passes, _decider(runtime), False)


@contextmanager
def litellm(runtime: Runtime, _folder: Path) -> Iterator[Bench]:
    """LiteLLM's key API, a double; each account has two keys."""
    with litellm_double() as double:
        keys: dict[str, list[str]] = {}

        def add(account: str) -> None:
            keys[account] = [double.add_key(account), double.add_key(account)]

        def passes(account: str) -> bool:
            (answer,) = {double.chat(key) for key in keys[account]}
            return answer == 200

        gateway = LiteLLMKeys(runtime.database, double.url, MASTER)
        yield Bench(gateway, add, passes, parts=double)


@contextmanager
def webhook(_runtime: Runtime, _folder: Path) -> Iterator[Bench]:
    """A gateway of an operator's own, which verifies signatures with the library and takes each message once."""
    states: dict[str, str] = {}
    taken: list[dict[str, Any]] = []
    seen: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                message = Webhook(SECRET).verify(body, {name.lower(): value for name, value in self.headers.items()})
            except WebhookVerificationError:
                self._answer(401, {})
                return
            data = message["data"]
            if message["type"] == "account.asked":
                self._answer(200, {"state": states.get(data["account"], "allow")})
                return
            if self.headers["webhook-id"] not in seen:
                seen.add(self.headers["webhook-id"])
                taken.append(data)
                states[data["account"]] = data["state"]
            self._answer(202, {})

        def _answer(self, status: int, content: Any) -> None:
            encoded = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *_: object) -> None:
            """Stays silent."""

    with served(Handler) as url:
        gateway = GatewayWebhook(url, (SECRET,), "https://models.example/appeal")
        yield Bench(gateway, lambda _: None, lambda who: states.get(who) != "suspended", parts=taken)


@contextmanager
def scim(runtime: Runtime, folder: Path) -> Iterator[Bench]:
    """A real SCIM server, in a process of its own."""
    port = free_port()
    program = Path(sys.executable).with_name("scim2-server")
    with (folder / "scim.log").open("wb") as log:
        process = subprocess.Popen([program, "--port", str(port), "--bearer-token", SCIM_TOKEN], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {SCIM_TOKEN}"}, trust_env=False)
    try:
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            with suppress(httpx.TransportError):
                if client.get("/ServiceProviderConfig").is_success:
                    break
            assert process.poll() is None, (folder / "scim.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        ids: dict[str, str] = {}

        def add(account: str) -> None:
            schema = "urn:ietf:params:scim:schemas:core:2.0:User"
            user = {"schemas": [schema], "userName": f"user-{len(ids)}", "externalId": account, "active": True}
            made = client.post("/Users", json=user, headers={"Content-Type": "application/scim+json"})
            assert made.status_code == 201, made.text
            ids[account] = made.json()["id"]

        def passes(account: str) -> bool:
            return bool(client.get(f"/Users/{ids[account]}").json()["active"])

        gateway = ScimUsers(runtime.database, url, SCIM_TOKEN, "externalId")
        yield Bench(gateway, add, passes, parts=client)
    finally:
        client.close()
        process.kill()
        process.wait()


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A handler's address, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _decider(runtime: Runtime) -> Callable[[Order], None]:
    """Does what an approval's transaction does to the decision list before anything is told."""

    def enter(ordered: Order) -> None:
        database = sqlite3.connect(runtime.settings.home / "stormwatch.db", timeout=30)
        database.execute("DELETE FROM decisions WHERE account_id = ?", [ordered.account_id])
        if ordered.state is not DecisionState.ALLOW:
            row = (f"x-{ordered.account_id}", ordered.account_id, ordered.state.value, "fraud")
            database.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, NULL)", row)
        database.commit()
        database.close()

    return enter
