"""OTLP/HTTP: answers in the request's encoding as the protocol asks, durable at 200, bounded whatever comes."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from event_making import counts
from home_making import new_home
from otlp_making import (
    TRACE,
    chat,
    log,
    logs_json,
    logs_protobuf,
    span,
    span_id,
    traces_json,
    traces_protobuf,
)
from otlp_making import (
    server as server_span,
)
from serving import served
from stormwatch.api import bodies
from stormwatch.api.app import create_app
from stormwatch.model.principal import Scope
from stormwatch.runtime import Runtime

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def machine_token(runtime: Runtime) -> str:
    first = runtime.access.first_administrator()
    assert first is not None
    return runtime.access.machine_token(runtime.access.authenticate(first[1]), "gateway", [Scope.INGEST])


@dataclass(frozen=True)
class Server:
    client: TestClient
    runtime: Runtime
    token: str

    def post(self, path: str, body: bytes, kind: str = PROTOBUF, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            path, content=body, headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind, **named}
        )


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("STORMWATCH_MAX_REQUEST_BYTES", "200000")
    runtime = new_home(home)
    with TestClient(create_app(runtime)) as client:
        yield Server(client, runtime, machine_token(runtime))
    runtime.close()


def test_success_is_an_empty_answer_in_the_requests_encoding(server: Server) -> None:
    answer = server.post("/v1/traces", traces_protobuf([chat(1)]))
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, PROTOBUF, b"")
    answer = server.post("/v1/traces", traces_json([chat(2)]), JSON)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, JSON, {})
    assert server.post("/v1/logs", logs_protobuf([log(1, "gen_ai.user.message", "x")])).content == b""
    assert (
        server.post("/v1/logs", logs_json([log(1, "gen_ai.user.message", "x")]), JSON + "; charset=utf-8").json() == {}
    )
    server.runtime.events.compact()
    table = server.runtime.lake.read("events")
    assert counts(table) == {f"{TRACE}-{span_id(1)}": 1, f"{TRACE}-{span_id(2)}": 1}
    assert set(table["collector"].to_pylist()) == {"gateway"}


def test_what_is_rejected_is_counted_with_its_reasons(server: Server) -> None:
    bad = span(9, {"gen_ai.operation.name": "chat"})
    told = ExportTraceServiceResponse.FromString(server.post("/v1/traces", traces_protobuf([chat(1), bad])).content)
    assert told.partial_success.rejected_spans == 1
    assert "names no account" in told.partial_success.error_message
    told_json = server.post("/v1/traces", traces_json([bad, bad]), JSON).json()["partialSuccess"]
    assert told_json["rejectedSpans"] == "2"
    assert told_json["errorMessage"].count("names no account") == 1
    orphan = {**log(1, "gen_ai.user.message", "x"), "traceId": "", "spanId": ""}
    answer = server.post("/v1/logs", logs_protobuf([orphan]))
    assert ExportLogsServiceResponse.FromString(answer.content).partial_success.rejected_log_records == 1


def status(answer: httpx.Response) -> tuple[int, str]:
    """Code and message of a google.rpc.Status, from either encoding."""
    if answer.headers["content-type"] == JSON:
        told: dict[str, Any] = answer.json()
        return told["code"], told["message"]
    # A LogRecord has a text at another number, so the two fields are read by hand: varint 1, text 2.
    body = answer.content
    assert body[0] == 0x08
    assert body[2] == 0x12
    length, start = (body[3], 4) if body[3] < 0x80 else (body[3] & 0x7F | body[4] << 7, 5)
    assert len(body) == start + length
    return body[1], body[start:].decode()


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_failures_are_told_as_a_status(server: Server, kind: str) -> None:
    whole = traces_protobuf([chat(1)]) if kind == PROTOBUF else traces_json([chat(1)])
    cut = server.post("/v1/traces", whole[:-3], kind)
    assert cut.status_code == 400 or kind == PROTOBUF
    if cut.status_code == 400:
        assert "nothing was taken in" in status(cut)[1]
    packed = server.post("/v1/traces", gzip.compress(whole)[:-9], kind, Content_Encoding="gzip")
    assert packed.status_code == 400
    assert status(packed)[0] == 3
    long = server.post("/v1/traces", b" " * 300_000, kind)
    assert (long.status_code, status(long)[0]) == (413, 3)
    unknown = server.client.post("/v1/traces", content=whole, headers={"Content-Type": kind})
    assert (unknown.status_code, status(unknown)[0]) == (401, 16)
    assert server.post("/v1/traces", whole, kind, Content_Encoding="br").status_code == 415
    assert server.post("/v1/traces", whole, "text/plain").status_code == 415
    server.runtime.events.compact()
    assert server.runtime.lake.read("events").num_rows == 0


@pytest.mark.parametrize("pack", [(gzip.compress, "gzip"), (zstandard.compress, "zstd")], ids=["gzip", "zstd"])
def test_packed_bodies_are_read_and_bombs_are_not(server: Server, pack: tuple[Any, str]) -> None:
    compress, encoding = pack
    whole = traces_protobuf([chat(number) for number in range(1, 20)])
    assert server.post("/v1/traces", compress(whole), Content_Encoding=encoding).status_code == 200
    bomb = compress(traces_protobuf([chat(1, "x" * 5_000_000)]))
    assert len(bomb) < 200_000
    assert server.post("/v1/traces", bomb, Content_Encoding=encoding).status_code == 413
    server.runtime.events.compact()
    assert server.runtime.lake.read("events").num_rows == 19


def test_more_bodies_at_once_than_there_are_places_get_429(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_places", type(bodies._places)(1))
    with bodies.place():
        answer = server.post("/v1/traces", traces_protobuf([chat(1)]))
    assert (answer.status_code, status(answer)[0]) == (429, 8)
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_parent_and_its_child_survive_the_death_of_the_server_between_them(home: Path, tmp_path: Path) -> None:
    runtime = new_home(home)
    token = machine_token(runtime)
    runtime.close()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": PROTOBUF}
    child = {**chat(2), "parentSpanId": span_id(1)}
    bare = span(4, {"gen_ai.operation.name": "chat", "enduser.id": "acct-1"}, parentSpanId=span_id(3))
    for requests in (
        [("/v1/traces", traces_protobuf([child, bare]))],
        [("/v1/traces", traces_protobuf([server_span(1), server_span(3, "198.51.100.4", "other/2")]))],
        [("/v1/logs", logs_protobuf([log(4, "gen_ai.user.message", {"content": "from the log"})]))],
    ):
        with served(home, tmp_path / "log") as running:
            for path, body in requests:
                assert httpx.post(running.url + path, content=body, headers=headers, timeout=60).status_code == 200
            running.process.kill()
    runtime = new_home(home)
    runtime.events.compact()
    rows = {row["event_id"][-1]: row for row in runtime.lake.read("events").to_pylist()}
    runtime.close()
    assert {number: (row["source_ip"], row["user_agent"]) for number, row in rows.items()} == {
        "2": ("203.0.113.7", "acme/1.2"),
        "4": ("198.51.100.4", "other/2"),
    }
    assert rows["4"]["prompt_chars"] == len("from the log")
