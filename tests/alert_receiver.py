"""A real HTTP receiver of alerts on loopback, which behaves as it is told: takes, fails, hangs, resets, redirects."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + "c3Rvcm13YXRjaC10ZXN0cy1zZWNyZXQtMzItYnl0ZXM="
OTHER_SECRET = "whsec_" + "YW5vdGhlci1zdG9ybXdhdGNoLXRlc3Qtc2VjcmV0LTMy"

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes
    moment: float

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str = SECRET) -> Any:
        """The body, once the library's own verification accepts it."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """What came, and how the next requests are answered; after the list has run out each is taken."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    behaviours: list[Behaviour] = field(default_factory=list)

    def wait_for(self, count: int, seconds: float = 240) -> list[Received]:
        """The requests, once so many came."""
        end = time.monotonic() + seconds
        while len(self.received) < count:
            assert time.monotonic() < end, f"{len(self.received)} of {count} alerts came"
            time.sleep(0.02)
        return list(self.received)

    def messages(self) -> dict[str, Any]:
        """What a receiver keeps that goes by webhook-id: each message once."""
        return {one.message_id: json.loads(one.body) for one in self.received}


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answers with a status."""

    def behave(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return behave


def hang(released: threading.Event) -> Behaviour:
    """Says nothing until it is released."""

    def behave(_request: BaseHTTPRequestHandler) -> None:
        released.wait(60)

    return behave


def reset(request: BaseHTTPRequestHandler) -> None:
    """Breaks the connection off without an answer."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    request.connection.close()


def endless(request: BaseHTTPRequestHandler) -> None:
    """Takes the message and never stops talking about it."""
    request.send_response(200)
    request.end_headers()
    try:
        for _ in range(10_000):
            request.wfile.write(b"x" * 4096)
    except OSError:
        return


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens until the block ends."""
    known = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            known.received.append(Received(headers, body, time.monotonic()))
            behave = known.behaviours.pop(0) if known.behaviours else answer(204)
            behave(self)
            if behave in (endless, reset):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_port}/alerts?key=receivers-own-secret"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
