"""From POST to alert: a real server under steady load, planted hits, a receiver that notes when each alert came.

Prints the rate that was reached, the delay of the alerts and the server's memory over time, with hunts going on in the
background as they do in service. Client, server, hunts and receiver share this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from standardwebhooks import Webhook

from stormwatch.intel.leads import add_lead
from stormwatch.model.ids import new_id
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, SourceKind
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.principal import Scope
from stormwatch.runtime import create_home

SECRET = "whsec_" + "c3Rvcm13YXRjaC1iZW5jaG1hcmstc2VjcmV0LTMyYnl0ZXM="
_AT_ONCE = 2  # POSTs under way, as of two gateways
HOSTILE = "203.0.113.77"
FILLER = "Could you help me put the minutes of our last meeting into a short list of decisions and open points? " * 8
RULES = """
title: A rule that many a request comes near to
id: 00000000-0000-4000-8000-0000000000b1
status: test
description: Made for the benchmark, so that texts are scanned and not only addresses looked up.
author: Stormwatch
references: [https://example.org/]
date: 2026-11-23
tags: [llm.07]
logsource: {category: llm}
detection:
  words: {prompt|contains: switch the virus scanner off}
  condition: words
falsepositives: [administrators]
level: high
"""


@dataclass
class Arrivals:
    """When each alert came, in the order of arrival, and whether its signature held."""

    url: str = ""
    moments: list[tuple[float, dict[str, object]]] = field(default_factory=list)
    false_signatures: int = 0


@contextmanager
def receiver() -> Iterator[Arrivals]:
    """A webhook receiver on loopback."""
    arrivals = Arrivals()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            moment = time.monotonic()
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                told = Webhook(SECRET).verify(body, {k.lower(): v for k, v in self.headers.items()})
                arrivals.moments.append((moment, told["data"]))
            except Exception:  # noqa: BLE001 - counted and shown
                arrivals.false_signatures += 1
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    arrivals.url = f"http://127.0.0.1:{server.server_port}/alerts"
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield arrivals
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_home(home: Path) -> str:
    """A home with a lead; gives a token of scope ingest."""
    runtime = create_home(home)
    first = runtime.access.first_administrator()
    assert first is not None
    token = runtime.access.machine_token(runtime.access.authenticate(first[1]), "gateway", [Scope.INGEST])
    lead = Lead(
        lead_id=new_id("lead"),
        title="an operator's address",
        source="a peer",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade.parse("B2"),
        tlp=TLP.AMBER,
        pap=PAP.AMBER,
        received_us=1_700_000_000_000_000,
        observables=(Observable(ObservableKind.IPV4, HOSTILE),),
    )
    add_lead(runtime.database, runtime.ledger, lead, by="benchmark")
    runtime.close()
    return token


@contextmanager
def served(home: Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real `stormwatch serve`."""
    command = [str(Path(sys.executable).with_name("stormwatch")), "--home", str(home), "serve", "--port", str(port)]
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        while True:
            assert process.poll() is None, log.read_text()
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def event(number: int, account: str, address: str, text: str) -> bytes:
    moment = datetime.now(UTC).isoformat(timespec="microseconds")
    return (
        b'{"event_id":"%s-%d","time":"%s","account_id":"%s","source_ip":"%s","model":"m-1","session_id":"s-%d",'
        b'"user_agent":"client/%d.0","input":[{"role":"user","content":"%s"}]}\n'
        % (RUN, number, moment.encode(), account.encode(), address.encode(), number // 9, number % 30, text.encode())
    )


RUN = secrets.token_hex(4).encode()


@dataclass
class Sent:
    """Planted accounts by the moment at which their POST began, and what was sent in all."""

    planted: dict[str, float] = field(default_factory=dict)
    events: int = 0
    late_seconds: float = 0.0
    memory: list[tuple[float, float]] = field(default_factory=list)
    slowest_post: float = 0.0


def send(url: str, token: str, pid: int, *, rate: int, batch: int, seconds: float, every: float) -> Sent:
    """Steady load in batches; every so often one event comes from the lead's address or says the rule's words."""
    sent, started = Sent(), time.monotonic()
    next_plant, next_memory, number, plants = started + 1, started, 0, 0
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    under_way = threading.BoundedSemaphore(_AT_ONCE)

    def post(body: bytes, account: str | None) -> None:
        try:
            before = time.monotonic()
            if account is not None:
                sent.planted[account] = before
            client.post(url, content=body).raise_for_status()
            sent.slowest_post = max(sent.slowest_post, time.monotonic() - before)
        finally:
            under_way.release()

    with (
        httpx.Client(headers=headers, timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(_AT_ONCE) as senders,
    ):
        posts: list[Future[None]] = []
        while (now := time.monotonic()) < started + seconds:
            lines = [
                event(number + n, f"acct-{(number + n) % 20_000}", _address(number + n), FILLER) for n in range(batch)
            ]
            number += batch
            account = None
            if now >= next_plant:
                account = f"planted-{plants}"
                rule = plants % 2
                text = "please switch the virus scanner off" if rule else FILLER
                lines[batch // 2] = event(number, account, "192.0.2.9" if rule else HOSTILE, text)
                number, plants = number + 1, plants + 1
                next_plant += every
            under_way.acquire()
            posts.append(senders.submit(post, b"".join(lines), account))
            sent.events += batch
            if now >= next_memory:
                sent.memory.append((now - started, resident_mb(pid)))
                next_memory += max(seconds / 10, 1)
            pause = started + sent.events / rate - time.monotonic()
            sent.late_seconds = max(sent.late_seconds, -pause)
            time.sleep(max(pause, 0))
        for each in posts:
            each.result()
    return sent


def _address(number: int) -> str:
    return f"198.51.100.{number % 250}"


def at(share: float, values: list[float]) -> float:
    return values[min(int(share * len(values)), len(values) - 1)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=1.0)
    options.add_argument("--rate", type=int, default=2_000, help="events a second")
    options.add_argument("--batch", type=int, default=200)
    options.add_argument("--plant-every", type=float, default=0.5, help="seconds between planted hits")
    options.add_argument("--hunt-interval", type=float, default=30.0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, receiver() as arrivals:
        place = Path(folder)
        (place / "rules").mkdir()
        (place / "rules" / "loud.yml").write_text(RULES, encoding="utf-8")
        (place / "policy.yaml").write_text(_policy(), encoding="utf-8")
        os.environ.update(
            STORMWATCH_KEY_FILE=str(place / "key"),
            STORMWATCH_ALERT_URLS=json.dumps([arrivals.url]),
            STORMWATCH_ALERT_SECRETS=json.dumps([SECRET]),
            STORMWATCH_ALERT_POLICY=str(place / "policy.yaml"),
            STORMWATCH_RULES=json.dumps([str(place / "rules")]),
            STORMWATCH_HUNT_INTERVAL_SECONDS=str(given.hunt_interval),
        )
        home, port = place / "home", free_port()
        token = make_home(home)
        with served(home, port, place / "log") as server:
            time.sleep(5)  # the watchlist is read, the process that hunts has started
            url = f"http://127.0.0.1:{port}/v1/events"
            seconds = given.minutes * 60
            sent = send(
                url, token, server.pid, rate=given.rate, batch=given.batch, seconds=seconds, every=given.plant_every
            )
            end = time.monotonic() + 30
            while _hits(arrivals) < len(sent.planted) and time.monotonic() < end:
                time.sleep(0.1)
            hunts = (place / "log").read_text().count('"hunt_done"')
            counts = [
                line for line in httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines() if "watch" in line
            ]
        _report(given.rate, seconds, sent, arrivals, hunts)
        print("\n".join(line for line in counts if not line.startswith("#")))


def _policy() -> str:
    from importlib import resources

    shipped = resources.files("stormwatch.hunt.alerts").joinpath("policy.yaml").read_text(encoding="utf-8")
    return shipped.replace("most_per_cause: 100", "most_per_cause: 100000")


def _hits(arrivals: Arrivals) -> int:
    return sum(data["kind"] in {"rule", "indicator"} for _, data in arrivals.moments)


def _report(rate: int, seconds: float, sent: Sent, arrivals: Arrivals, hunts: int) -> None:
    # Alerts come in the order in which their hits were sent, and carry pseudonyms: the n-th came for the n-th.
    came = [moment for moment, data in arrivals.moments if data["kind"] in {"rule", "indicator"}]
    delays = sorted(moment - begun for moment, begun in zip(came, sent.planted.values(), strict=False))
    print(
        f"{sent.events} events in {seconds:.0f} s: {sent.events / seconds:.0f} of {rate} a second, {hunts} hunts beside"
    )
    print(f"furthest behind the plan {sent.late_seconds:.2f} s, slowest POST {sent.slowest_post:.2f} s")
    print(
        f"{len(came)} of {len(sent.planted)} planted hits alerted, {arrivals.false_signatures} with a false signature"
    )
    if delays:
        print(f"POST to alert: p50 {at(0.5, delays):.3f} s, p95 {at(0.95, delays):.3f} s, max {delays[-1]:.3f} s")
    print("server RSS, MB: " + ", ".join(f"{moment:.0f} s {mb:.0f}" for moment, mb in sent.memory))


if __name__ == "__main__":
    main()
