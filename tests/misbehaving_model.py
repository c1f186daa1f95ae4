"""A model server on loopback that behaves as a test wants: an OpenAI-compatible endpoint at its best or its worst."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ModelServer:
    """A running server; `behave` is called with the handler and the request for each question."""

    url: str
    behave: Callable[[Handler, dict[str, Any]], None]
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def texts(self) -> list[str]:
        """The user's message of each question."""
        return [request["messages"][1]["content"] for request in self.asked]


class Handler(BaseHTTPRequestHandler):
    """One exchange."""

    model: ModelServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.model.asked.append(request)
        self.model.headers.append(dict(self.headers))
        with suppress(BrokenPipeError, ConnectionResetError):
            self.model.behave(self, request)

    def do_GET(self) -> None:
        self.model.asked.append({"method": "GET"})
        self.send(b"{}")

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        """An answer as it should be."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def say(self, content: Any, tokens: int = 100) -> None:
        """A chat completion."""
        message = {"role": "assistant", "content": content}
        completion = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        self.send(json.dumps({**completion, "usage": {"total_tokens": tokens}}).encode())

    def log_message(self, *_: object) -> None:
        """Stays silent."""


def saying(content: Any) -> Callable[[Handler, dict[str, Any]], None]:
    """A model that always says the same."""
    return lambda handler, _request: handler.say(content)


@contextmanager
def model_server(behave: Callable[[Handler, dict[str, Any]], None]) -> Iterator[ModelServer]:
    """Serves on a free port until the end of the block, whatever still hangs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneHandler", (Handler,), {}))
    server.daemon_threads = True
    server.block_on_close = False
    found = ModelServer(f"http://127.0.0.1:{server.server_address[1]}/v1", behave)
    server.RequestHandlerClass.model = found  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
