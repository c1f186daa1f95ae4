"""A real `stormwatch serve` or `decide` in a process of its own, for tests that kill it or read what it logs."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Served:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def post(self, path: str, body: bytes, token: str) -> httpx.Response:
        """One POST with a token."""
        return httpx.post(self.url + path, content=body, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def get_text(self, path: str) -> str:
        """The body of one GET."""
        return httpx.get(self.url + path, timeout=60).text


def stormwatch(home: Path, *arguments: str | Path) -> list[str]:
    """The command line of a subcommand."""
    return [str(Path(sys.executable).with_name("stormwatch")), "--home", str(home), *map(str, arguments)]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def served(home: Path, log: Path, port: int | None = None) -> Iterator[Served]:
    """Starts the server, on a free port or the given one, its stderr going to `log`; kills what is left of it."""
    with _running(home, log, port, "/readyz", "serve") as server:
        yield server


@contextmanager
def deciding(home: Path, log: Path, *options: str, port: int | None = None, until: str = "/readyz") -> Iterator[Served]:
    """Starts the decision process likewise; `until` is what must answer 200 before it counts as started."""
    unknown = () if "--when-unknown" in options else ("--when-unknown", "closed")
    with _running(home, log, port, until, "decide", *unknown, *options) as server:
        yield server


@contextmanager
def _running(home: Path, log: Path, port: int | None, until: str, verb: str, *options: str) -> Iterator[Served]:
    port = port or free_port()
    with log.open("ab") as errors:
        process = subprocess.Popen(
            stormwatch(home, verb, "--port", str(port), *options), stdout=subprocess.PIPE, stderr=errors
        )
    try:
        server = Served(process, f"http://127.0.0.1:{port}")
        while not _answers(server, until):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.communicate(timeout=60)


def _answers(server: Served, until: str) -> bool:
    try:
        return httpx.get(server.url + until, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
