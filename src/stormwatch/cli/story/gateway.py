"""The decision endpoint on loopback, asked over HTTP as a gateway asks it before it lets a request through."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx
import uvicorn

from stormwatch.api.app import create_app
from stormwatch.model.errors import Conflict
from stormwatch.runtime import Runtime

_START_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running decision endpoint and the token to ask it with."""

    url: str
    token: str

    def ask(self, account_id: str) -> httpx.Response:
        """The answer for one account: 204, or 403 with reason and appeal address."""
        headers = {"Authorization": f"Bearer {self.token}", "X-Stormwatch-Account": account_id}
        with httpx.Client(trust_env=False, timeout=10.0) as client:
            return client.get(f"{self.url}/v1/decision/auth", headers=headers)


@contextmanager
def decision_endpoint(runtime: Runtime, token: str) -> Iterator[Endpoint]:
    """Serves the HTTP interface on a free port of 127.0.0.1 as long as the block runs."""
    config = uvicorn.Config(create_app(runtime), host="127.0.0.1", port=0, log_level="error", server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{_port(server, thread)}", token)
    finally:
        server.should_exit = True
        thread.join()


def _port(server: uvicorn.Server, thread: threading.Thread) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise Conflict("the decision endpoint did not start on 127.0.0.1", remedy="look at the log above")
        time.sleep(0.02)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
