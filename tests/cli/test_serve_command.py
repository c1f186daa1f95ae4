"""`stormwatch serve`: what it acknowledged outlives it, it hunts by itself, and its log lines cannot be forged."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import pytest

from event_making import counts, event, ndjson
from home_making import new_home
from serving import Served, served, stormwatch
from stormwatch.model.principal import Scope
from stormwatch.runtime import open_runtime

EACH = 2000
BODIES = [ndjson(event(number) for number in range(start, start + EACH)) for start in range(0, 8 * EACH, EACH)]


@pytest.fixture
def token(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A home with a token of scope ingest."""
    monkeypatch.setenv("STORMWATCH_HUNT_INTERVAL_SECONDS", "0.2")
    runtime = new_home(home)
    first = runtime.access.first_administrator()
    assert first is not None
    made = runtime.access.machine_token(runtime.access.authenticate(first[1]), "gateway", [Scope.INGEST])
    runtime.close()
    return made


def send(server: Served, body: bytes, token: str) -> int | None:
    """The status of the answer; None when there was none."""
    try:
        return server.post("/v1/events", body, token).status_code
    except httpx.TransportError:
        return None


def test_a_server_killed_while_events_arrive_has_lost_nothing_it_acknowledged(
    home: Path, tmp_path: Path, token: str
) -> None:
    log = tmp_path / "log"
    with ThreadPoolExecutor(4) as senders, served(home, log) as server:
        sent: list[Future[int | None]] = [senders.submit(send, server, body, token) for body in BODIES]
        wait(sent, return_when=FIRST_COMPLETED)
        server.process.kill()
        answered = [answer.result() for answer in sent]
    assert 200 in answered
    with served(home, log) as server:
        again = [server.post("/v1/events", body, token).json() for body in BODIES]
    for before, now in zip(answered, again, strict=True):
        assert now["accepted"] + now["duplicate"] == EACH
        assert now["conflicting"] == 0
        if before == 200:
            assert now["duplicate"] == EACH
    runtime = open_runtime(home)
    runtime.events.compact()
    stored = counts(runtime.lake.read("events"))
    runtime.close()
    assert stored == Counter({f"ev-{number}": 1 for number in range(8 * EACH)})


def wait_for(log: Path, events: int) -> list[dict[str, object]]:
    """The log, once a hunt over so many events stands in it."""
    for _ in range(600):
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
        if any(line["event"] == "hunt_done" and line["events"] == events for line in lines):
            return lines
        time.sleep(0.1)
    pytest.fail(log.read_text(encoding="utf-8"))


def hit_accounts(home: Path, output: Path) -> set[str]:
    command = stormwatch(home, "export", "detections", "--format", "ndjson", "--output", output)
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    return {row["account_id"] for row in rows if row["rule_id"].startswith("indicator:")}


def test_an_imported_indicator_meets_history_and_what_arrives_later(home: Path, tmp_path: Path, token: str) -> None:
    log, table = tmp_path / "log", tmp_path / "indicators.csv"
    table.write_text("kind,value\nipv4-addr,198.51.100.77\n", encoding="utf-8")
    with served(home, log) as server:
        server.post("/v1/events", ndjson([event(1, account_id="old", source_ip="198.51.100.77")]), token)
        wait_for(log, 1)
        subprocess.run(stormwatch(home, "intel", "import", table), check=True, capture_output=True, timeout=300)
        later = [event(2, account_id="new", source_ip="198.51.100.77"), event(3, source_ip="192.0.2.1")]
        server.post("/v1/events", ndjson(later), token)
        wait_for(log, 3)
    assert hit_accounts(home, tmp_path / "hits.ndjson") == {"old", "new"}


def test_a_port_that_is_taken_is_explained(home: Path, token: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = stormwatch(home, "serve", "--port", port)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Address already in use (127.0.0.1, port {port})" in done.stderr


HOSTILE_LOGGING = r"""
import logging, structlog
from stormwatch.cli.logs import log_to_stderr
log_to_stderr()
evil = 'x\n{"event": "forged"}\r\x1b[31m\u202e\u2028<b>'
try:
    kept_secret = "a local variable"
    raise ValueError(evil)
except ValueError:
    structlog.get_logger("ours").exception(evil, work=evil)
    logging.getLogger("uvicorn.error").exception("said %s", evil)
logging.getLogger("library").warning(evil)
"""


def test_log_lines_are_json_and_nothing_in_them_makes_a_line_or_steers_a_terminal() -> None:
    done = subprocess.run([sys.executable, "-c", HOSTILE_LOGGING], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.replace("\n", "").isprintable()
    assert done.stderr.isascii()
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["level"] for line in lines] == ["error", "error", "warning"]
    assert all("forged" in line["event"] and line["event"] != "forged" for line in lines)
    assert "ValueError" in lines[0]["exception"]
    assert 'kept_secret = "a local variable"' not in done.stderr
