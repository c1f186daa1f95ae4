"""A real client: the OpenTelemetry SDK with an instrumented OpenAI client, against a mock model, into a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from command_line import stormwatch
from home_making import new_home
from serving import served
from stormwatch.model.principal import Scope
from stormwatch.storage.texts import read_segment

CLIENT = Path(__file__).with_name("otlp_client.py")


class Model(BaseHTTPRequestHandler):
    """Stands in for the model's provider, which cannot be had here: one answer with a tool call, whatever is asked."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        call = {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"q":1}'}}
        message = {"role": "assistant", "content": "an answer", "tool_calls": [call]}
        told = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m-small",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def model() -> Iterator[str]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}/v1"
    listening.shutdown()
    listening.server_close()


# The instrumentation's older convention sends messages as log records, its newer one on the span or as one record.
# Name, encoding and settings of each client; together traces and logs go both ways.
NEWEST = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
CLIENTS = {
    "acct-records": ("json", {CAPTURE: "true"}),
    "acct-span": ("protobuf", {**NEWEST, CAPTURE: "span_only"}),
    "acct-structures": ("protobuf", {**NEWEST, CAPTURE: "event_only"}),
}


def test_an_instrumented_client_is_hunted_and_exported(
    home: Path, tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = new_home(home)
    first = runtime.access.first_administrator()
    assert first is not None
    token = runtime.access.machine_token(runtime.access.authenticate(first[1]), "gateway", [Scope.INGEST])
    runtime.close()
    monkeypatch.setenv("STORMWATCH_HUNT_INTERVAL_SECONDS", "600")
    with served(home, tmp_path / "log") as server:
        for account, (encoding, mode) in CLIENTS.items():
            arguments = [server.url, token, model, encoding, account]
            subprocess.run(
                [sys.executable, str(CLIENT), *arguments], env={**os.environ, **mode}, check=True, timeout=300
            )
    assert stormwatch("--home", home, "hunt").returncode == 0
    output = tmp_path / "accounts.ndjson"
    export = ("export", "accounts", "--all", "--format", "ndjson", "--output", output)
    assert stormwatch("--home", home, *export).returncode == 0
    exported = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert {row["account_id"]: row["event_count"] for row in exported} == dict.fromkeys(CLIENTS, 1)
    check_events(home)


def check_events(home: Path) -> None:
    runtime = new_home(home)
    rows = runtime.lake.read("events").to_pylist()
    segments = {row["segment"] for row in rows}
    texts = {
        text.event_id: text
        for segment in segments
        for chunk in read_segment(runtime.lake, runtime.keyring, segment)
        for text in chunk
    }
    runtime.close()
    for row in rows:
        text = texts[row["event_id"]]
        assert (row["source_ip"], row["ip_source"], row["user_agent"]) == ("203.0.113.7", "asserted", "acme/1.2")
        assert (row["model"], row["provider"], row["operation"]) == ("m-small", "openai", "chat")
        assert (row["input_tokens"], row["output_tokens"], row["finish_reason"]) == (11, 7, "tool_calls")
        assert [(turn.role, turn.content) for turn in text.input] == [("system", "be brief"), ("user", "hello there")]
        assert [(turn.role, turn.content) for turn in text.output] == [("assistant", "an answer")]
        assert [(call.name, json.loads(call.arguments)) for call in text.tool_calls] == [("lookup", {"q": 1})]
        assert row["prompt_chars"] == len("be brief\nhello there")
