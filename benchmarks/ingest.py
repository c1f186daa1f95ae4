"""Measures the way in: events per second from a file to the lake, beside json.loads and plain SQLite inserts."""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stormwatch.events.ingest import ingest_file
from stormwatch.events.store import BATCH_ROWS, EventStore
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

WORDS = 5000
WORDS_PER_PROMPT = 140  # about 0.9 kB
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 28
ACCOUNTS = 50_000
SECRET_EVERY = 1000


def made_events(count: int, seed: int) -> Iterator[str]:
    """Lines of UsageEvents with prompts of made-up words; now and then one holds a made-up key."""
    chance = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(WORDS)]
    agents = [f"client-{number}/1.{number % 7}" for number in range(200)]
    for number in range(count):
        prompt = " ".join(chance.choices(words, k=WORDS_PER_PROMPT))
        if number % SECRET_EVERY == 0:
            prompt += f" sk-{chance.getrandbits(128):032x}"
        moment = START + timedelta(milliseconds=chance.randrange(DAYS * 86_400_000))
        yield json.dumps(
            {
                "event_id": f"ev-{chance.getrandbits(64):016x}",
                "time": moment.isoformat(timespec="milliseconds"),
                "account_id": f"acct-{chance.randrange(ACCOUNTS):05d}",
                "session_id": f"s-{chance.getrandbits(48):012x}",
                "source_ip": ".".join(str(chance.randrange(1, 224)) for _ in range(4)),
                "ip_source": "socket",
                "country": "NL",
                "user_agent": chance.choice(agents),
                "operation": "chat",
                "model": "m-small",
                "input": [{"role": "user", "content": prompt}],
                "input_tokens": 200,
                "output_tokens": 300,
                "finish_reason": "stop",
                "refused": False,
            },
            separators=(",", ":"),
        )


def take_in(path: Path, home: Path) -> int:
    """The real way: redacted, deduplicated, encrypted, durable, compacted into the lake."""
    store = EventStore(home, Keyring(b"k" * 32), Lake(home / "lake"), max_record_bytes=1 << 24)
    report = ingest_file(store, path, collector="benchmark")
    store.compact()
    store.close()
    return report.accepted


def take_in_plainly(path: Path, home: Path) -> int:
    """The reference: parse, insert, commit per batch. It redacts, encrypts and checks nothing."""
    home.mkdir()
    connection = sqlite3.connect(home / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE events (event_id TEXT PRIMARY KEY, time TEXT, account_id TEXT, body TEXT)")
    batch: list[tuple[str, str, str, str]] = []

    def insert() -> None:
        connection.execute("BEGIN")
        connection.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", batch)
        connection.execute("COMMIT")
        batch.clear()

    with path.open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            batch.append((event["event_id"], event["time"], event["account_id"], line))
            if len(batch) == BATCH_ROWS:
                insert()
    insert()
    (count,) = connection.execute("SELECT count(*) FROM events").fetchone()
    connection.close()
    return int(count)


def measured(way: Callable[[Path, Path], int], path: Path, home: Path) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    events = way(path, home)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "events": events,
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "events_per_second": round(events / wall),
        "events_per_cpu_second": round(events / cpu),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="where to work; default: the temporary directory")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        path = folder / "events.ndjson"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in made_events(chosen.events, chosen.seed))
        result = {
            "bytes_per_event": path.stat().st_size // max(chosen.events, 1),
            "ingest": measured(take_in, path, folder / "home"),
            # Before the reference runs, so that this is the way in alone.
            "peak_rss_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "plain_json_and_sqlite": measured(take_in_plainly, path, folder / "plain"),
        }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
