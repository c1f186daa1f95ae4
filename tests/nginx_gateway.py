"""Real parts on loopback for the gateway's tests: nginx with the shipped configuration, Stormwatch, a model service."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import uvicorn

from stormwatch.api.app import create_app
from stormwatch.model.ids import new_id
from stormwatch.model.times import format_rfc3339, now_us
from stormwatch.runtime import Runtime

EXAMPLE = Path(__file__).parents[1] / "examples" / "gateways" / "nginx" / "stormwatch.conf"
_PATIENCE_SECONDS = 20.0
# The test's client stands for a load balancer of the operator's own, which tells the address that it saw.
_BALANCER = "    set_real_ip_from 127.0.0.1;\n    real_ip_header X-Forwarded-For;\n"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Returns once somebody listens."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on port {port}")


@contextmanager
def served(runtime: Runtime, port: int) -> Iterator[None]:
    """Stormwatch's HTTP interface in a thread."""
    server = uvicorn.Server(uvicorn.Config(create_app(runtime), host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(port)
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def model_service(port: int, stormwatch_port: int, token: str) -> Iterator[list[str]]:
    """A small model service that answers every prompt and sends its own usage events, as the example says.

    Gives the states (allow, limit) with which requests came through.
    """
    states: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            prompt = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"]
            states.append(self.headers.get("X-Stormwatch-State", ""))
            event = {
                "event_id": new_id("event"),
                "time": format_rfc3339(now_us()),
                "account_id": self.headers["X-Stormwatch-Account"],
                "source_ip": self.headers["X-Real-IP"],
                "ip_source": "trusted_proxy",
                "input": [{"role": "user", "content": prompt}],
                "output": [{"role": "assistant", "content": "Here is an answer."}],
            }
            body = json.dumps({"answer": "Here is an answer.", "accepted": self._report(event)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _report(self, event: dict[str, object]) -> int | None:
            """How many events were taken; None when Stormwatch is away, which must not stop the service."""
            with suppress(httpx.HTTPError):
                taken = httpx.post(
                    f"http://127.0.0.1:{stormwatch_port}/v1/events",
                    content=json.dumps(event),
                    headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"},
                    trust_env=False,
                )
                return int(taken.json()["accepted"])
            return None

        def log_message(self, *_: object) -> None:
            """Stays silent."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield states
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def nginx(program: Path, folder: Path, ports: dict[str, int], *, token: str, keys: dict[str, str]) -> Iterator[None]:
    """nginx with the shipped configuration, its ports (8080 itself, 8788 decision process, 9000 service) replaced."""
    render(folder, EXAMPLE.read_text(), ports, token=token, keys=keys)
    process = subprocess.Popen(
        [str(program), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")],
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(ports["8080"])
        yield
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE_SECONDS)


def render(folder: Path, example: str, ports: dict[str, int], *, token: str, keys: dict[str, str]) -> None:
    """Writes nginx.conf and what it includes."""
    folder.mkdir(parents=True)
    for shipped, used in ports.items():
        assert f"127.0.0.1:{shipped};" in example
        example = example.replace(f"127.0.0.1:{shipped};", f"127.0.0.1:{used};")
    (folder / "stormwatch.conf").write_text(example)
    (folder / "stormwatch-token.conf").write_text(f'proxy_set_header Authorization "Bearer {token}";\n')
    lines = [f'"Bearer {key}" {account};' for key, account in keys.items()]
    (folder / "stormwatch-accounts.map").write_text("\n".join(lines) + "\n")
    paths = "".join(
        f"    {kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Started by root, workers would become a user who may not enter the test's folder.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder / 'nginx.pid'};\nerror_log {folder / 'error.log'};\n"
        f"events {{ worker_connections 64; }}\n"
        f"http {{\n    access_log off;\n{paths}{_BALANCER}    include stormwatch.conf;\n}}\n"
    )
