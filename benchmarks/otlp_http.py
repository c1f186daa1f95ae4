"""Measures the way in over HTTP: events per second acknowledged as durable, as OTLP beside NDJSON of UsageEvents.

A real `stormwatch serve` and a client process share the machine. The client holds a few connections and sends batches
that were encoded before the clock runs; what it takes of the processors is told. The clock runs once the server's first
hunt is over, or with `--during-hunt` as soon as it watches. Prints one JSON object; absolute figures depend on the
machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stormwatch.hunt.watchlist import WatchlistReader
from stormwatch.model.principal import Scope
from stormwatch.runtime import create_home

STORMWATCH = Path(sys.executable).with_name("stormwatch")
WORDS = 5000
WORDS_PER_PROMPT = 140  # about 0.9 kB
START_NS = 1_772_323_200 * 10**9
Event = dict[str, Any]
Told = Any  # a multiprocessing.Queue
TICK = os.sysconf("SC_CLK_TCK")


def made_events(count: int, seed: int) -> list[Event]:
    """What both encodings say: ids, times, accounts and prompts of made-up words."""
    chance = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(WORDS)]
    return [
        {
            "trace": chance.getrandbits(128).to_bytes(16),
            "span": chance.getrandbits(64).to_bytes(8),
            "start_ns": START_NS + chance.randrange(28 * 86_400) * 10**9,
            "account": f"acct-{chance.randrange(50_000):05d}",
            "session": f"s-{chance.getrandbits(48):012x}",
            "address": ".".join(str(chance.randrange(1, 224)) for _ in range(4)),
            "prompt": " ".join(chance.choices(words, k=WORDS_PER_PROMPT)),
        }
        for _ in range(count)
    ]


def as_ndjson(events: Sequence[Event]) -> bytes:
    lines = [
        json.dumps(
            {
                "event_id": f"{event['trace'].hex()}-{event['span'].hex()}",
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["start_ns"] // 10**9)),
                "account_id": event["account"],
                "session_id": event["session"],
                "source_ip": event["address"],
                "ip_source": "asserted",
                "operation": "chat",
                "provider": "openai",
                "model": "m-small",
                "input": [{"role": "user", "content": event["prompt"]}],
                "input_tokens": 200,
                "output_tokens": 300,
                "finish_reason": "stop",
                "duration_ms": 1000.0,
                "refused": False,
            }
        )
        for event in events
    ]
    return "\n".join(lines).encode()


def as_otlp(events: Sequence[Event]) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    attribute = group.resource.attributes.add(key="service.name")
    attribute.value.string_value = "gateway"
    scope = group.scope_spans.add()
    for event in events:
        span = scope.spans.add(
            trace_id=event["trace"],
            span_id=event["span"],
            name="chat m-small",
            kind=3,
            start_time_unix_nano=event["start_ns"],
            end_time_unix_nano=event["start_ns"] + 10**9,
        )
        messages = [{"role": "user", "parts": [{"type": "text", "content": event["prompt"]}]}]
        texts = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "m-small",
            "gen_ai.conversation.id": event["session"],
            "enduser.id": event["account"],
            "client.address": event["address"],
            "gen_ai.input.messages": json.dumps(messages),
        }
        for name, value in texts.items():
            span.attributes.add(key=name).value.string_value = value
        for name, count in (("gen_ai.usage.input_tokens", 200), ("gen_ai.usage.output_tokens", 300)):
            span.attributes.add(key=name).value.int_value = count
        span.attributes.add(key="gen_ai.response.finish_reasons").value.array_value.values.add().string_value = "stop"
    return request.SerializeToString()


# Path, content type, encoder.
WAYS: dict[str, tuple[str, str, Callable[[Sequence[Event]], bytes]]] = {
    "ndjson": ("/v1/events", "application/x-ndjson", as_ndjson),
    "otlp_protobuf": ("/v1/traces", "application/x-protobuf", as_otlp),
}


def send_all(port: int, token: str, way: str, bodies: list[bytes], connections: int, told: Told) -> None:
    """The client: every body once, over some connections; tells seconds, processor time and what was refused."""
    path, kind, _ = WAYS[way]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    waiting = iter(bodies)
    lock = threading.Lock()
    refused: list[int] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                break
            while True:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 429:
                    break
                refused.append(429)
                time.sleep(0.01)
            if answer.status != 200:
                refused.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    wall, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.put((time.perf_counter() - wall, time.process_time() - cpu, len(refused)))


def processes_below(pid: int) -> list[int]:
    """A process and all its descendants."""
    told = " ".join(path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [pid, *(below for child in told.split() for below in processes_below(int(child)))]


def processor_seconds(pid: int) -> float:
    total = 0
    for process in processes_below(pid):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_megabytes(pid: int) -> int:
    pages = sum(int(Path(f"/proc/{p}/statm").read_text(encoding="ascii").split()[1]) for p in processes_below(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def wait_until_ready(port: int) -> None:
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)


def warm_up(port: int, token: str, way: str, processes: int) -> None:
    """Starts what starts with the first request; these events are not counted."""
    path, kind, encode = WAYS[way]
    threads = []
    for number in range(2 * processes or 1):
        body = encode(made_events(256, 1000 + number))
        threads.append(threading.Thread(target=post, args=(port, token, path, kind, body)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until_watched(port)


def wait_until_watched(port: int) -> None:
    """A server that has just started loads rules for some seconds, on a core that the way in then lacks."""
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/metrics")
        told = re.search(rb'stormwatch_watch_events\{outcome="looked-at"\} ([0-9.]+)', connection.getresponse().read())
        connection.close()
        if told is not None and float(told[1]) > 0:
            return
        time.sleep(0.2)
    raise SystemExit("the watch over fresh events did not begin")


def wait_until_hunted(log: Path) -> None:
    """The first hunt begins with the server; others are another measure, and far away."""
    for _ in range(1200):
        if b"hunt_done" in log.read_bytes():
            return
        time.sleep(0.1)
    raise SystemExit(f"the first hunt did not end: {log.read_text(encoding='utf-8')[-2000:]}")


def post(port: int, token: str, path: str, kind: str, body: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", path, body, {"Authorization": f"Bearer {token}", "Content-Type": kind})
    connection.getresponse().read()
    connection.close()


def measured(
    home: Path, way: str, events: Sequence[Event], processes: int, options: argparse.Namespace
) -> dict[str, float]:
    runtime = create_home(home)
    _, secret = runtime.access.first_administrator() or ("", "")
    administrator = runtime.access.authenticate(secret)
    token = runtime.access.machine_token(administrator, "benchmark", [Scope.INGEST])
    runtime.close()
    encode = WAYS[way][2]
    size = options.batch
    bodies = [encode(events[start : start + size]) for start in range(0, len(events), size)]
    port = free_port()
    environment = {**os.environ, "STORMWATCH_HUNT_INTERVAL_SECONDS": "600"}
    environment["STORMWATCH_INGEST_PROCESSES"] = str(processes)
    command = [str(STORMWATCH), "--home", str(home), "serve", "--port", str(port)]
    log = home.with_suffix(".log")
    with log.open("wb") as told_by_server:
        server = subprocess.Popen(command, env=environment, stderr=told_by_server)
    try:
        wait_until_ready(port)
        warm_up(port, token, way, processes)
        if not options.during_hunt:
            wait_until_hunted(log)
        before = processor_seconds(server.pid)
        told: Told = multiprocessing.Queue()
        client = multiprocessing.Process(target=send_all, args=(port, token, way, bodies, options.connections, told))
        client.start()
        seconds, client_seconds, refused = told.get()
        client.join()
        cpu = processor_seconds(server.pid) - before
        memory = resident_megabytes(server.pid)
    finally:
        server.terminate()
        server.wait(60)
    opened = create_home(home)
    opened.events.compact()
    stored = set(opened.lake.read("events", ["event_id"])["event_id"].to_pylist())
    opened.close()
    sent = {f"{event['trace'].hex()}-{event['span'].hex()}" for event in events}
    if not sent <= stored:
        raise SystemExit(
            f"{way}: {len(sent - stored)} of {len(sent)} events are missing; {refused} answers were no 200"
        )
    return {
        "events_per_second": round(len(events) / seconds),
        "server_cpu_seconds": round(cpu, 2),
        "events_per_server_cpu_second": round(len(events) / cpu),
        "client_cpu_seconds": round(client_seconds, 2),
        "client_share_of_cpu": round(client_seconds / (client_seconds + cpu), 3),
        "server_memory_megabytes": memory,
        "bytes_per_event": sum(map(len, bodies)) // len(events),
        "asked_to_come_again": refused,
    }


def compile_rules(folder: Path) -> None:
    """A new home compiles its rules once, on a core that is not to be missing while the way in is measured."""
    os.environ["STORMWATCH_COMPILED_RULES"] = str(folder / "compiled-rules")
    os.environ["STORMWATCH_KEY_FILE"] = str(folder / "first.key")
    runtime = create_home(folder / "first")
    WatchlistReader(runtime.settings, runtime.database).read().rules.patterns_seen("compile")
    runtime.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=51_200)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--processes", type=int, default=2, help="ingest_processes of the last way")
    parser.add_argument("--during-hunt", action="store_true", help="measure while the first hunt is under way")
    options = parser.parse_args()
    events = made_events(options.events, 1)
    result: Event = {"events": len(events), "batch": options.batch, "connections": options.connections}
    with tempfile.TemporaryDirectory(prefix="stormwatch-bench-") as name:
        compile_rules(Path(name))
        runs = [(way, way, 0) for way in options.ways]
        if options.processes and "otlp_protobuf" in options.ways:
            runs.append((f"otlp_protobuf_{options.processes}_processes", "otlp_protobuf", options.processes))
        for label, way, processes in runs:
            os.environ["STORMWATCH_KEY_FILE"] = str(Path(name) / f"{label}.key")
            result[label] = measured(Path(name) / label, way, events, processes, options)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
