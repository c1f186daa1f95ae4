"""First paint of the queue and of a case page with many cases: a real server, a real Chromium, medians as JSON.

Makes a home of its own with N cases through the storage functions of the stages, as a hunt leaves them, then signs in
as an analyst and opens the pages again and again, each case page another case. What is measured is first-contentful-
paint as the browser tells it, from the beginning of the navigation; `server_ms` is how much of it passed before the
first byte of the answer came. Client, server and browser share this machine.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import insert

from stormwatch.cases.findings import findings
from stormwatch.cases.placing import placement
from stormwatch.cases.queue import title_of
from stormwatch.cases.queue_query import QueueQuery, queue_rows
from stormwatch.cases.review import claim
from stormwatch.cases.routing import load_queues, queue_for
from stormwatch.model.case import CaseState
from stormwatch.model.principal import Role
from stormwatch.model.times import DAY, MINUTE, now_us
from stormwatch.runtime import Runtime, create_home
from stormwatch.storage.lake import LakeChange, LakeFile
from stormwatch.storage.schemas import TABLES
from stormwatch.storage.tables.cases import case_accounts, case_history, cases

MOMENT = 1_790_000_000_000_000
SEGMENT = 50_000  # rows in a file of what comes in over time
GROUP = 4  # every tenth case is a group of so many accounts
STATES = (CaseState.OPEN, CaseState.IN_REVIEW, CaseState.ACTED, CaseState.CLEARED, CaseState.CLOSED)
KINDS = ("machine-tempo", "return-after-ban", "refusal-retries", "shared-artefact")
CHROMIUM = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
QUEUES = {
    "queue": "/console/",
    "queue_by_due_overdue": "/console/?due=over&order=due",
    "queue_of_victims": "/console/?queue=compromised-account",
    "queue_words": "/console/?state=all&q=acct-00077",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=4, help="stored requests of each account")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        runtime = create_home(Path(folder) / "home")
        try:
            token, *_ = fill(runtime, arguments.cases, arguments.requests)
            made = time.monotonic() - began
            ids = some_cases(runtime, arguments.rounds)
            with served(runtime.settings.home) as base:
                measured = measure(base, token, ids, arguments.rounds)
        finally:
            runtime.close()
            runtime.settings.key_path.unlink(missing_ok=True)
    told = {"cases": arguments.cases, "rounds": arguments.rounds, "made_seconds": round(made, 1), **measured}
    print(json.dumps(told))


def fill(runtime: Runtime, number: int, requests: int, analysts: int = 1) -> list[str]:
    """Tables of the lake as a hunt leaves them, a case for each subject, and analysts; gives the analysts' tokens.

    The first of them holds a hundred cases.
    """
    subjects = list(subjects_of(number))
    for name, rows in tables(subjects, requests).items():
        size = SEGMENT if name in {"events", "detections"} else len(rows)
        files = [write(runtime, name, rows[start : start + size]) for start in range(0, len(rows), size)]
        runtime.lake.commit(LakeChange(replace={name: files}))
        print(f"{name}: {len(rows):,} rows in {len(files)} files", file=sys.stderr)
    put_cases(runtime, subjects)
    first = runtime.access.first_administrator()
    assert first is not None
    administrator = runtime.access.authenticate(first[1])
    names = [f"ada-{number}" for number in range(analysts)]
    tokens = [str(runtime.access.add_person(administrator, name, Role.ANALYST)[1]) for name in names]
    analyst = runtime.access.authenticate(tokens[0])
    for row in queue_rows(runtime.database, QueueQuery("open"), "", now_us(), limit=100):
        claim(runtime.database, runtime.ledger, analyst, row.case_id)
    return tokens


def write(runtime: Runtime, name: str, rows: Sequence[Mapping[str, Any]]) -> LakeFile:
    """Rows as one file of the lake."""
    schema = TABLES[name]
    whole = [{field: row.get(field) for field in schema.names} for row in rows]
    return runtime.lake.write(name, pa.Table.from_pylist(whole, schema=schema))


def put_cases(runtime: Runtime, subjects: Sequence[tuple[str, list[str]]]) -> None:
    """A case for each subject, as the hunt opens them, but many to a statement and without entries on the ledger."""
    chance, now, queues = random.Random(11), now_us(), load_queues()
    found = findings(runtime.lake, [subject for subject, _ in subjects])
    rows: list[dict[str, Any]] = []
    for place, (subject, accounts) in enumerate(subjects):
        assessed = found[subject]
        state = chance.choices(STATES, weights=(6, 1, 1, 1, 1))[0]
        opened = now - chance.randrange(60 * DAY)
        queue = queue_for(queues, assessed.hypotheses, researcher=place % 5000 == 0)
        rows.append(
            {
                "case_id": f"case-{place:020d}",
                "subject_id": subject,
                "cluster_id": subject if len(accounts) > 1 else None,
                "state": state.value,
                "opened_us": opened,
                "updated_us": opened,
                "risk": assessed.risk,
                "title": title_of(len(accounts), assessed.hypotheses[0].hypothesis),
                "leading": assessed.hypotheses[0].hypothesis,
                **placement(queue, state, opened),
            }
        )
    ids = [row["case_id"] for row in rows]
    held = [
        {"case_id": case_id, "account_id": account, "joined_us": now}
        for case_id, (_, accounts) in zip(ids, subjects, strict=True)
        for account in accounts
    ]
    opening = {"from_state": None, "to_state": "open", "by": "hunt", "time_us": now, "reason": "for the benchmark"}
    with runtime.database.write() as connection:
        connection.execute(insert(cases), rows)
        connection.execute(insert(case_accounts), held)
        connection.execute(insert(case_history), [{"case_id": case_id, **opening} for case_id in ids])
    print(f"{len(rows):,} cases", file=sys.stderr)


def subjects_of(number: int) -> Iterator[tuple[str, list[str]]]:
    """Subject ids with their accounts: lone accounts, and every tenth a group."""
    account = 0
    for place in range(number):
        size = GROUP if place % 10 == 0 else 1
        accounts = [f"acct-{account + n:07d}" for n in range(size)]
        account += size
        yield (f"cluster-{place:06d}" if size > 1 else accounts[0]), accounts


def tables(subjects: Sequence[tuple[str, list[str]]], requests: int) -> dict[str, list[Mapping[str, Any]]]:
    """Rows of every table that a case page reads."""
    chance = random.Random(7)
    accounts = [account for _, held in subjects for account in held]
    return {
        "account_evidence": [
            piece(account, kind, chance) for account in accounts for kind in chance.sample(KINDS, chance.randint(1, 3))
        ],
        # Clusters first, as attribution writes them.
        "assessments": [assessment(*each, chance) for each in sorted(subjects, key=lambda one: len(one[1]) == 1)],
        "links": [link(*sorted(pair)) for _, held in subjects for pair in pairwise(held)],
        "clusters": [cluster(subject, held) for subject, held in subjects if len(held) > 1],
        "account_records": [
            {"account_id": account, "org_id": f"org-{n // 50}", "verified_researcher": n % 5000 == 0}
            for n, account in enumerate(accounts)
        ],
        "account_day": [day(account, requests) for account in accounts],
        "events": [event(account, n) for n in range(requests) for account in accounts],  # in the order of time
        "detections": [detection(account) for account in accounts],
    }


def piece(account: str, kind: str, chance: random.Random) -> dict[str, Any]:
    return {
        "account_id": account,
        "kind": kind,
        "group": kind,
        "weight_bits": round(chance.uniform(1, 6), 2),
        "summary": f"made for the benchmark: {kind}",
        "innocent_explanation": "a scheduled job of an ordinary customer",
        "innocent_frequency": 0.01,
        "event_time_us": MOMENT,
        "actors": [],
        "event_ids": [f"{account}-e0"],
        "sources": [],
    }


def assessment(subject: str, accounts: Sequence[str], chance: random.Random) -> dict[str, Any]:
    risk = round(chance.uniform(0.5, 0.99), 4)
    shares = [chance.random() for _ in range(3)]
    names = (("charcoal-typhoon", "tracked-actor"), ("unknown-actor", "residual"), ("compromised-account", "residual"))
    odds = [(name, kind, risk * share / sum(shares)) for (name, kind), share in zip(names, shares, strict=True)]
    return {
        "subject_id": subject,
        "account_ids": list(accounts),
        "hypotheses": [
            {"hypothesis": name, "kind": kind, "probability": probability}
            for name, kind, probability in (*odds, ("benign", "residual", 1 - risk))
        ],
        "risk": risk,
        "likelihood": "likely",
        "confidence": "moderate",
        "calibrated_on": "simulated worlds",
        "flagged_us": MOMENT,
        "evidence": [],
        "basis": "{}",
    }


def link(first: str, second: str) -> dict[str, Any]:
    part = {
        "identifier_kind": "device_id",
        "shared_values": [f"dev-{first}"],
        "weight_bits": 8.0,
        "innocent_explanation": "a device used by two members of a household",
    }
    return {
        "account_id_a": first,
        "account_id_b": second,
        "match_weight": 8.0,
        "probability": 0.97,
        "evidence": [part],
    }


def cluster(subject: str, accounts: Sequence[str]) -> dict[str, Any]:
    return {
        "cluster_id": subject,
        "previous_ids": [],
        "merged_into": None,
        "account_ids": list(accounts),
        "first_event_us": MOMENT,
        "last_event_us": MOMENT + DAY,
    }


def day(account: str, requests: int) -> dict[str, Any]:
    counts = dict.fromkeys(("refused", "blocked", "errors", "retries", "tool_calls", "quick_gaps"), 0)
    return {
        **counts,
        "account_id": account,
        "day": MOMENT // DAY,
        "events": requests,
        "gaps": requests - 1,
        "input_tokens": 100,
        "output_tokens": 100,
        "first_us": MOMENT,
        "last_us": MOMENT + requests * MINUTE,
    }


def event(account: str, number: int) -> dict[str, Any]:
    return {
        "collector": "bench",
        "event_id": f"{account}-e{number}",
        "time_us": MOMENT + number * MINUTE,
        "ingested_us": MOMENT,
        "account_id": account,
        "device_id": f"dev-{account}",
        "source_ip": f"203.0.113.{int(account[5:]) % 250}",
        "model": "m-large",
        "prompt_chars": 400,
        "script": "Latn",
        "segment": "s1",
        "text_chunk": 0,
        "text_row": 0,
    }


def detection(account: str) -> dict[str, Any]:
    return {
        "event_id": f"{account}-e0",
        "account_id": account,
        "time_us": MOMENT,
        "rule_id": "bench-rule",
        "rule_version": "1",
        "kind": "rule",
        "techniques": ["llm.07"],
        "score": 0.4,
        "shadow": False,
    }


def some_cases(runtime: Runtime, rounds: int) -> list[str]:
    """Ids of cases for the case page, from all over the queue."""
    rows = queue_rows(runtime.database, QueueQuery("all"), "", now_us(), limit=5_000)
    return [row.case_id for row in random.Random(3).sample(rows, min(rounds + 1, len(rows)))]


@contextmanager
def served(home: Path) -> Iterator[str]:
    """A real server over the home, in a process of its own, at the address given."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("stormwatch")), "--home", str(home), "serve", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        while not _ready(base):
            assert process.poll() is None, "the server ended"
            time.sleep(0.1)
        yield base
    finally:
        process.kill()
        process.wait(timeout=60)


def _ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def measure(base: str, token: str, case_ids: Sequence[str], rounds: int) -> dict[str, Any]:
    """Medians and worst of each page, in milliseconds; the first look at each is apart, because caches are cold."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM))
        page = browser.new_page()
        page.goto(f"{base}/console/")
        page.get_by_label("Personal token").fill(token)
        page.get_by_role("button", name="Use this token").click()
        page.get_by_role("heading", name="Queue", exact=True).wait_for()
        found = {name: looks(page, [base + address] * (rounds + 1)) for name, address in QUEUES.items()}
        found["case"] = looks(page, [f"{base}/console/cases/{case_id}" for case_id in case_ids])
        browser.close()
    return found


def looks(page: Page, addresses: Sequence[str]) -> dict[str, float]:
    """What the browser says of each look at a page."""
    cold, *warm = [look(page, address) for address in addresses]
    paints = [paint for paint, _ in warm]
    return {
        "first_paint_ms_median": round(statistics.median(paints)),
        "first_paint_ms_worst": round(max(paints)),
        "first_paint_ms_cold": round(cold[0]),
        "server_ms_median": round(statistics.median(server for _, server in warm)),
    }


# Asked again and again rather than waited for by a string of code, which the console's policy forbids.
PAINTED = """() => new Promise((done) => {
  const look = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    if (!paint) return setTimeout(look, 10);
    done([paint.startTime, performance.getEntriesByType("navigation")[0].responseStart]);
  };
  look();
})"""


def look(page: Page, address: str) -> tuple[float, float]:
    """First paint of one navigation and the time to the first byte, in milliseconds."""
    page.goto(address)
    paint, server = page.evaluate(PAINTED)
    return float(paint), float(server)


if __name__ == "__main__":
    main()
