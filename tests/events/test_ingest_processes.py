"""Processes of their own that read telemetry: same events, a death costs one answer, none outlives its server."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from home_making import new_home
from otlp_making import chat, traces_protobuf
from serving import Served, served
from stormwatch.model.principal import Scope

LONG = "x" * 50_000  # long enough that the body is handed over


def children(pid: int) -> list[int]:
    """The processes that any thread of the server started to read telemetry."""
    told = " ".join(path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for child in told.split() if b"spawn_main" in command_line(int(child))]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def post(server: Served, token: str, number: int) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-protobuf"}
    body = traces_protobuf([chat(number, LONG)])
    return httpx.post(server.url + "/v1/traces", content=body, headers=headers, timeout=120).status_code


def test_a_death_costs_one_answer_and_none_outlives_the_server(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORMWATCH_INGEST_PROCESSES", "1")
    monkeypatch.setenv("STORMWATCH_HUNT_INTERVAL_SECONDS", "600")
    runtime = new_home(home)
    first = runtime.access.first_administrator()
    assert first is not None
    token = runtime.access.machine_token(runtime.access.authenticate(first[1]), "gateway", [Scope.INGEST])
    with served(home, tmp_path / "log") as server:
        assert post(server, token, 1) == 200
        (child,) = children(server.process.pid)
        os.kill(child, signal.SIGKILL)
        assert post(server, token, 2) in (200, 503)
        assert post(server, token, 3) == 200
        last = children(server.process.pid)
        assert last
        server.process.kill()
        server.process.wait(60)
        until = time.monotonic() + 60
        while any(command_line(pid) for pid in last) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(command_line(pid) for pid in last)
    runtime.events.compact()
    stored = {event[-1] for event in runtime.lake.read("events")["event_id"].to_pylist()}
    runtime.close()
    assert {"1", "3"} <= stored
