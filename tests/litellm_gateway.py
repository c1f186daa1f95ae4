"""A real LiteLLM proxy on loopback for tests and benchmarks, without a database, before a made-up model server."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / ".venv-gateways" / "bin" / "litellm"
HOOK = ROOT / "examples" / "litellm" / "stormwatch_hook.py"
_PATIENCE_SECONDS = 300.0  # it has been seen to take two minutes on a busy machine
_TAIL_LINES = 40

# Keys to users as LiteLLM's database would do it: the proxy of these tests has none.
_KEYS = """
from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth


async def authenticate(request, api_key):
    if not api_key.startswith("sk-acct-"):
        raise HTTPException(401, "unknown key")
    return UserAPIKeyAuth(api_key=api_key, user_id=api_key[len("sk-"):])
"""


@dataclass(frozen=True)
class Telemetry:
    """Where and how the proxy sends what it saw: Stormwatch's address, a token of scope `ingest`, a callback's name.

    `generic_api` is LiteLLM's webhook, `otel` its export of OpenTelemetry spans.
    """

    url: str
    token: str
    callback: str


@dataclass
class Proxy:
    """A proxy that starts or runs."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def chat(self, account: str, prompt: str = "hello", *, agent: str = "acme-client/1.2") -> httpx.Response:
        """One request with the key of an account."""
        return httpx.post(
            f"{self.url}/v1/chat/completions",
            json={"model": "mock", "messages": [{"role": "user", "content": prompt}]},
            headers={"Authorization": f"Bearer sk-{account}", "User-Agent": agent},
            timeout=60,
            trust_env=False,
        )

    def wait(self) -> None:
        """Returns once it answers; fails with the end of its log when it died or takes too long."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < end:
            assert self.process.poll() is None, f"LiteLLM ended by itself:\n{self.tail()}"
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/liveliness", timeout=5, trust_env=False).status_code == 200:
                    return
            time.sleep(0.2)
        raise AssertionError(f"LiteLLM did not answer within {_PATIENCE_SECONDS:g} s:\n{self.tail()}")

    def tail(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])


@contextmanager
def proxy(
    folder: Path, port: int, upstream: int, gate: Mapping[str, str] | None, telemetry: Telemetry | None = None
) -> Iterator[Proxy]:
    """Starts a proxy; the caller waits for it. `gate` are the hook's variables without their prefix, None: no hook."""
    started = start(folder, port, upstream, gate, telemetry)
    try:
        yield started
    finally:
        started.process.terminate()
        try:
            started.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            started.process.kill()
            started.process.wait(timeout=20)


def start(
    folder: Path, port: int, upstream: int, gate: Mapping[str, str] | None, telemetry: Telemetry | None = None
) -> Proxy:
    """Starts a proxy in a folder of its own, as proxy() does; the caller ends it."""
    folder.mkdir(parents=True)
    (folder / "keys.py").write_text(_KEYS)
    shutil.copy(HOOK, folder)
    callbacks = ["stormwatch_hook.gate"] if gate is not None else []
    callbacks += [telemetry.callback] if telemetry is not None else []
    model = {"model": "openai/mock", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "mock", "litellm_params": model}],
        "general_settings": {"custom_auth": "keys.authenticate"},
        "litellm_settings": {"callbacks": callbacks, "num_retries": 0},
    }
    (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    log = folder / "litellm.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(PROGRAM), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=_environment(gate or {}, telemetry),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Proxy(f"http://127.0.0.1:{port}", process, log)


def _environment(gate: Mapping[str, str], telemetry: Telemetry | None) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("STORMWATCH_", "OTEL_", "LITELLM_"))
    }
    kept |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(32)}"}
    kept |= {f"STORMWATCH_GATE_{name}": value for name, value in gate.items()}
    if telemetry is not None and telemetry.callback == "otel":
        # Only where the export is wanted: with these set LiteLLM exports spans whatever its callbacks say.
        kept |= {
            "LITELLM_OTEL_V2": "true",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
            "OTEL_EXPORTER": "otlp_http",
            "OTEL_ENDPOINT": f"{telemetry.url}/v1/traces",
            "OTEL_HEADERS": f"Authorization=Bearer {telemetry.token}",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }
    elif telemetry is not None:
        kept |= {
            "GENERIC_LOGGER_ENDPOINT": f"{telemetry.url}/v1/events/litellm",
            "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {telemetry.token}",
            "DEFAULT_FLUSH_INTERVAL_SECONDS": "1",
        }
    return kept


@contextmanager
def model_server(port: int) -> Iterator[list[dict[str, Any]]]:
    """A server of a language model in a thread, which gives everybody the same answer; gives the requests it got."""
    asked: list[dict[str, Any]] = []
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "mock",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Here is an answer."}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stays silent."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
