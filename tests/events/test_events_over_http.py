"""Events over HTTP: durable at 200, everything else says what to do, and no body takes the server down."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard
from fastapi.testclient import TestClient

from event_making import counts, event, ndjson
from home_making import new_home
from stormwatch.api import bodies
from stormwatch.api.app import create_app
from stormwatch.model.principal import Scope
from stormwatch.runtime import Runtime


@dataclass(frozen=True)
class Server:
    """A server with one token for ingest and one for decisions."""

    client: TestClient
    runtime: Runtime
    token: str
    other_token: str

    def post(self, body: bytes, path: str = "/v1/events", **headers: str):  # type: ignore[no-untyped-def]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=body, headers={"Authorization": f"Bearer {self.token}", **named})


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("STORMWATCH_MAX_REQUEST_BYTES", "200000")
    monkeypatch.setenv("STORMWATCH_MAX_RECORD_BYTES", "50000")
    runtime = new_home(home)
    first = runtime.access.first_administrator()
    assert first is not None
    administrator = runtime.access.authenticate(first[1])
    token = runtime.access.machine_token(administrator, "gateway", [Scope.INGEST])
    other = runtime.access.machine_token(administrator, "nginx", [Scope.DECIDE])
    with TestClient(create_app(runtime)) as client:
        yield Server(client, runtime, token, other)
    runtime.close()


def test_what_got_200_is_there_once(server: Server) -> None:
    body = ndjson([event(1), event(2)]) + b"{broken\n" + ndjson([event(1, model="other")])
    answer = server.post(body)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["duplicate"], told["conflicting"]) == (3, 0, 1)
    assert [(item["line"], item["reason"][:14]) for item in told["rejected"]] == [(3, "not valid JSON")]
    assert server.post(body).json()["duplicate"] == 3
    server.runtime.events.compact()
    table = server.runtime.lake.read("events")
    assert counts(table) == {"ev-1": 2, "ev-2": 1}


def test_the_tokens_label_is_the_collector(server: Server) -> None:
    server.post(ndjson([event(1)]))
    server.runtime.events.compact()
    assert server.runtime.lake.read("events")["collector"].to_pylist() == ["gateway"]


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress), ("identity", bytes)]
)
def test_packed_bodies_are_unpacked(server: Server, encoding: str, pack) -> None:  # type: ignore[no-untyped-def]
    answer = server.post(pack(ndjson([event(1)])), Content_Encoding=encoding)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1)


def test_account_records_and_webhook_arrays(server: Server) -> None:
    assert server.post(b'{"account_id": "a", "programme": "free"}', "/v1/accounts").json()["accepted"] == 1
    hook = {"litellm_call_id": "c", "startTime": 1795385825.8, "metadata": {"user_api_key_user_id": "u"}}
    body = json.dumps([hook, {**hook, "litellm_call_id": "d"}, {**hook, "metadata": {}}]).encode()
    told = server.post(body, "/v1/events/litellm", Content_Type="application/json").json()
    assert (told["accepted"], len(told["rejected"])) == (2, 1)


def test_without_a_token_or_with_another_nothing_is_taken(server: Server) -> None:
    body = ndjson([event(1)])
    assert server.client.post("/v1/events", content=body).status_code == 401
    wrong = server.client.post("/v1/events", content=body, headers={"Authorization": "Bearer nonsense"})
    assert wrong.status_code == 401
    other = server.client.post("/v1/events", content=body, headers={"Authorization": f"Bearer {server.other_token}"})
    assert other.status_code == 403
    server.runtime.events.compact()
    assert server.runtime.lake.read("events").num_rows == 0


def test_long_bodies_get_413_packed_or_not_and_leave_nothing(server: Server) -> None:
    many = ndjson(event(number) for number in range(3000))
    assert server.post(many).status_code == 413
    assert server.post(gzip.compress(many), Content_Encoding="gzip").status_code == 413
    assert server.post(zstandard.compress(b" " * 50_000_000), Content_Encoding="zstd").status_code == 413
    server.runtime.events.compact()
    assert server.runtime.lake.read("events").num_rows == 0


def test_a_long_record_is_rejected_alone(server: Server) -> None:
    long = event(2, input=[{"role": "user", "content": "x" * 60_000}])
    told = server.post(ndjson([event(1), long, event(3)])).json()
    assert (told["accepted"], told["rejected"]) == (2, [{"line": 2, "reason": "longer than 50000 bytes"}])


def test_types_and_encodings_that_are_not_read_get_415(server: Server) -> None:
    assert server.post(b"x", Content_Type="text/html").status_code == 415
    assert server.post(b"x", Content_Encoding="br").status_code == 415


def test_a_body_that_does_not_unpack_is_turned_away_whole(server: Server) -> None:
    packed = gzip.compress(ndjson(event(number) for number in range(50)))
    answer = server.post(packed[:-20], Content_Encoding="gzip")
    assert answer.status_code == 400
    assert "nothing was taken in" in answer.json()["detail"]


def test_more_bodies_at_once_than_there_are_places_get_429_with_a_time_to_wait(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_places", threading.BoundedSemaphore(1))
    with bodies.place():
        answer = server.post(ndjson([event(1)]))
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert server.post(ndjson([event(1)])).status_code == 200
