"""Asks `stormwatch decide` about accounts at a steady rate, with a million of them suspended, and times the answers.

Everything is on loopback: a home with so many decisions, the decision process, and a load client in a process of its
own. A request's time runs from when it was due, not from when it was sent, so that a stall is counted for everything
that it delays. With --during-hunt a second part follows: the same, at half the rate, while hunts run one after another
on the same home (nice, as `stormwatch serve` runs them). Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from serving import Served, deciding, stormwatch
from stormwatch.model.principal import Scope
from stormwatch.runtime import Runtime, create_home

CONNECTIONS = 64
WARM_UP_SECONDS = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000, help="suspended accounts")
    parser.add_argument("--rate", type=int, default=2_000, help="requests a second; during a hunt half of it")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each part asks")
    parser.add_argument("--during-hunt", action="store_true", help="also ask while hunts run")
    parser.add_argument("--events", type=int, default=100_000, help="events that those hunts go through")
    parser.add_argument("--client", nargs=4, metavar=("PORT", "RATE", "SECONDS", "ACCOUNTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        port, rate, seconds, accounts = options.client
        token = sys.stdin.readline().strip()
        print(json.dumps(asyncio.run(Load(int(port), token, int(accounts)).run(int(rate), float(seconds)))))
        return
    work = Path(tempfile.mkdtemp(prefix="stormwatch-bench-"))
    try:
        print(json.dumps(measure(work, options), indent=1))
    finally:
        shutil.rmtree(work)


def measure(work: Path, options: argparse.Namespace) -> dict[str, object]:
    home = work / "home"
    home.mkdir()
    (home / "stormwatch.toml").write_text(f'key_file = "{work / "home.key"}"\n')
    runtime = create_home(home)
    token = fill(runtime, options.accounts)
    if options.during_hunt:
        make_events(work, home, options.events)
    result: dict[str, object] = {"accounts": options.accounts, "connections": CONNECTIONS}
    start = time.perf_counter()
    with deciding(home, work / "decide.log") as server:
        result["seconds_to_first_answer"] = round(time.perf_counter() - start, 1)
        result["snapshot_mb"] = round((home / "decisions" / "decisions.snapshot").stat().st_size / 1e6)
        result["memory_mb_at_start"] = memory_mb(server.process.pid)
        result["idle"] = ask(server, token, options.rate, options.seconds, options.accounts)
        if options.during_hunt:
            with hunting(home) as hunts:
                result["during_hunt"] = ask(server, token, options.rate // 2, options.seconds, options.accounts)
                result["hunts_begun"] = hunts[0]
        result["memory_mb_at_end"] = memory_mb(server.process.pid)
    return result


def fill(runtime: Runtime, accounts: int) -> str:
    """Suspends so many accounts in the decision list alone, and gives a gateway's token."""
    first = runtime.access.first_administrator()
    assert first is not None
    token = runtime.access.machine_token(runtime.access.authenticate(first[1]), "gateway", [Scope.DECIDE])
    runtime.close()
    database = sqlite3.connect(runtime.settings.home / "stormwatch.db")  # foreign keys are off: no cases are needed
    rows = ((f"action-{number}", account(number), "suspended", "fraud") for number in range(accounts))
    database.executemany("INSERT INTO decisions (action_id, account_id, state, reason_code) VALUES (?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    return token


def account(number: int) -> str:
    return f"acct-{number:07d}-{number * 2654435761 % (1 << 32):08x}"


def make_events(work: Path, home: Path, events: int) -> None:
    size = ("--events", str(events), "--accounts", str(max(events // 20, 100)), "--seed", "1")
    subprocess.run(stormwatch(home, "simulate", work / "world", *size), check=True, stdout=subprocess.DEVNULL)
    for name in ("accounts.ndjson.zst", "events.ndjson.zst"):
        subprocess.run(stormwatch(home, "ingest", work / "world" / name), check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def hunting(home: Path) -> Iterator[list[int]]:
    """Full hunts, one after another, until the block ends; gives how many were begun."""
    begun, over = [0], threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def hunt() -> None:
        while not over.is_set():
            begun[0] += 1
            running[:] = [
                subprocess.Popen(
                    ["nice", "-n", "5", *stormwatch(home, "hunt", "--full")],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            ]
            running[0].wait()

    thread = threading.Thread(target=hunt)
    thread.start()
    time.sleep(5)  # past its imports, into its work
    try:
        yield begun
    finally:
        over.set()
        running[0].terminate()
        thread.join()


def ask(server: Served, token: str, rate: int, seconds: float, accounts: int) -> dict[str, object]:
    """What a load client in a process of its own saw, and the processor's time that an answer took the server."""
    client = [sys.executable, __file__, "--client", str(server.port), str(rate), str(seconds), str(accounts)]
    before = cpu_seconds(server.process.pid)
    done = subprocess.run(client, input=token + "\n", stdout=subprocess.PIPE, text=True, check=True)
    used = cpu_seconds(server.process.pid) - before
    answers = rate * (seconds + WARM_UP_SECONDS)
    return {**json.loads(done.stdout), "server_cpu_ms_per_answer": round(used / answers * 1000, 3)}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> int:
    """What a process holds of the memory, without what it shares through files, in MB."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return round(int(fields["RssAnon"].split()[0]) / 1024)


class Load:
    """A client that asks about one suspended and one unsuspended account in turn, on a few lasting connections."""

    def __init__(self, port: int, token: str, accounts: int) -> None:
        self._port = port
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nX-Stormwatch-Account: "
        self._accounts = accounts
        self._due: deque[float] = deque()
        self._idle: deque[Connection] = deque()
        self.taken: list[float] = []
        self.answers: dict[str, int] = {}

    async def run(self, rate: int, seconds: float) -> dict[str, object]:
        """Offers requests at a rate, and tells what came of them."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            _, made = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
            self._idle.append(made)
        await self._offer(rate, WARM_UP_SECONDS)
        self.taken.clear()
        self.answers.clear()
        begun, cpu = time.perf_counter(), time.process_time()
        await self._offer(rate, seconds)
        lasted = time.perf_counter() - begun
        self.taken.sort()
        return {
            "asked_per_second": rate,
            "answered_per_second": round(len(self.taken) / lasted),
            "answers": self.answers,
            **{f"p{name}_ms": round(self._at(share) * 1000, 2) for name, share in (("50", 0.5), ("99", 0.99))},
            "max_ms": round(self.taken[-1] * 1000, 1),
            "client_cpu_share": round((time.process_time() - cpu) / lasted, 2),
        }

    def free(self, connection: Connection) -> None:
        """The connection has its answer and may ask the next that is due."""
        self._idle.append(connection)
        self._send()

    def _at(self, share: float) -> float:
        return self.taken[min(int(share * len(self.taken)), len(self.taken) - 1)]

    async def _offer(self, rate: int, seconds: float) -> None:
        begun, number, total = time.perf_counter(), 0, int(rate * seconds)
        wanted = len(self.taken) + total
        while number < total:
            now = time.perf_counter() - begun
            while number < total and number / rate <= now:
                self._due.append(begun + number / rate)
                number += 1
            self._send()
            await asyncio.sleep(0.0005)
        while len(self.taken) < wanted:
            await asyncio.sleep(0.01)

    def _send(self) -> None:
        while self._due and self._idle:
            number = random.randrange(self._accounts)
            who = account(number) if len(self._due) % 2 else f"innocent-{number}"
            request = f"GET /v1/decision/auth HTTP/1.1\r\n{self._head}{who}\r\n\r\n".encode()
            self._idle.popleft().ask(request, self._due.popleft(), "403" if who.startswith("acct") else "204")


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._since = 0.0
        self._wanted = ""
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes, since: float, wanted: str) -> None:
        """Sends a request that was due at a time and wants a status."""
        self._since, self._wanted, self._read = since, wanted, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Counts the answer once it is whole."""
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        status = head[9:12].decode()
        if status != "204":
            size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(body) < size:
                return
        self._load.taken.append(time.perf_counter() - self._since)
        said = status if status == self._wanted else f"{status} instead of {self._wanted}"
        self._load.answers[said] = self._load.answers.get(said, 0) + 1
        self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Counts what was lost."""
        if exc is not None:
            self._load.answers["lost connection"] = self._load.answers.get("lost connection", 0) + 1


if __name__ == "__main__":
    os.environ.pop("STORMWATCH_DATABASE_URL", None)
    main()
