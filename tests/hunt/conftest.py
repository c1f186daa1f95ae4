"""A small provider: ordinary accounts, one campaign that only linking holds together, and a lead from a peer."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from home_making import new_home
from stormwatch.events.ingest import ingest_file
from stormwatch.intel.leads import add_lead
from stormwatch.model.ids import new_id
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, SourceKind
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.model.times import DAY, HOUR, format_rfc3339, parse_rfc3339
from stormwatch.runtime import Runtime, open_runtime

START = parse_rfc3339("2026-03-02T00:00:00Z")
HOSTILE = "203.0.113.77"
CAMPAIGN = ("campaign-1", "campaign-2", "campaign-3", "campaign-4")
RULES = """
title: Registry change that switches a scanner off
id: 00000000-0000-4000-8000-000000000001
status: test
description: Made for this test.
author: Stormwatch
references: [https://example.org/]
date: 2026-11-23
tags: [llm.07]
logsource: {category: llm}
detection:
  words: {prompt|contains: switch the virus scanner off}
  condition: words
falsepositives: [administrators]
level: medium
---
title: Interest in radar satellites
id: 00000000-0000-4000-8000-000000000002
status: test
description: Made for this test.
author: Stormwatch
references: [https://example.org/]
date: 2026-11-23
tags: [llm.01]
topic: radar-imaging
logsource: {category: llm}
detection:
  words: {prompt|contains: synthetic aperture radar}
  condition: words
falsepositives: [engineers]
level: low
"""

Event = dict[str, Any]
Record = dict[str, Any]


@pytest.fixture
def world() -> tuple[list[Event], list[Record]]:
    """Events and account records of 300 ordinary accounts and the campaign of four."""
    dice = random.Random(7)
    names = [f"ordinary-{number:03d}" for number in range(300)] + list(CAMPAIGN)
    records = [_record(name, number) for number, name in enumerate(names)]
    events = [event for number, name in enumerate(names) for event in _events(name, number, dice)]
    _make_campaign(events, records)
    return events, records


def _record(name: str, number: int) -> Record:
    return {
        "account_id": name,
        "created_time": format_rfc3339(START - (100 + number) * DAY),
        "email_hash": f"mail-{number}",
        "payment_fingerprint": f"pay-{number}",
        "device_id": f"device-{number}",
        "signup_country": "DE",
        "claimed_country": "DE",
    }


def _events(name: str, number: int, dice: random.Random) -> list[Event]:
    return [
        {
            "event_id": f"{name}-{turn}",
            "time": format_rfc3339(START + turn * DAY + dice.randrange(9 * HOUR, 17 * HOUR, 1000)),
            "account_id": name,
            "source_ip": f"198.18.{number // 250}.{number % 250 + 1}",
            "ip_source": "socket",
            "country": "DE",
            "device_id": f"device-{number}",
            "input": [{"role": "user", "content": f"Please shorten letter {number} of day {turn}."}],
        }
        for turn in range(8)
    ]


def _make_campaign(events: list[Event], records: list[Record]) -> None:
    by_account = {record["account_id"]: record for record in records}
    one, two, three, four = CAMPAIGN
    by_account[one]["payment_fingerprint"] = by_account[two]["payment_fingerprint"] = "pay-shared"
    by_account[two]["device_id"] = by_account[three]["device_id"] = "device-shared"
    by_account[three]["phone_hash"] = by_account[four]["phone_hash"] = "phone-shared"
    for event in events:
        if event["account_id"] == one and event["event_id"].endswith("-3"):
            event["source_ip"] = HOSTILE
        if event["account_id"] in {two, three} and event["event_id"].endswith("-5"):
            event["input"][0]["content"] = "Which key do I set to switch the virus scanner off by policy?"


class Hunts:
    """Homes in which a hunt was done, by what it was given: hunting takes seconds, copying its home takes none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rules = folder / "rules"
        self.rules.mkdir()
        (self.rules / "made.yml").write_text(RULES, encoding="utf-8")
        self.key = folder / "home.key"

    def copy_to(self, home: Path, events: Sequence[Event], records: Sequence[Record]) -> Runtime:
        """An open home of the test's own, as a hunt over these left it."""
        given = hashlib.sha256(json.dumps([events, records]).encode()).hexdigest()
        kept = self._folder / given
        if not kept.exists():
            self._hunt(self._folder / "hunting", events, records)
            (self._folder / "hunting").rename(kept)
        shutil.copytree(kept, home)
        return open_runtime(home)

    def _hunt(self, home: Path, events: Sequence[Event], records: Sequence[Record]) -> None:
        runtime = new_home(home)
        give(runtime, self._folder, records)
        give(runtime, self._folder, events)
        add_lead(runtime.database, runtime.ledger, _lead(), by="test")
        runtime.hunt()
        runtime.close()


@pytest.fixture(scope="session")
def hunts(tmp_path_factory: pytest.TempPathFactory) -> Hunts:
    return Hunts(tmp_path_factory.mktemp("hunts"))


@pytest.fixture
def hunted(
    hunts: Hunts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Sequence[Event], Sequence[Record]], Runtime]]:
    """Takes events and records through ingest, a lead and a hunt, in a home of its own."""
    monkeypatch.setenv("STORMWATCH_RULES", json.dumps([str(hunts.rules)]))
    monkeypatch.setenv("STORMWATCH_KEY_FILE", str(hunts.key))
    opened: list[Runtime] = []

    def run(events: Sequence[Event], records: Sequence[Record]) -> Runtime:
        runtime = hunts.copy_to(tmp_path / new_id("home"), events, records)
        opened.append(runtime)
        return runtime

    yield run
    for runtime in opened:
        runtime.close()


def give(runtime: Runtime, folder: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Ingests lines as an NDJSON file."""
    file = folder / f"{new_id('lines')}.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    report = ingest_file(runtime.events, file, collector="test")
    assert report.rejected == 0


def _lead() -> Lead:
    return Lead(
        lead_id=new_id("lead"),
        title="Address seen at a peer",
        source="peer.example",
        source_kind=SourceKind.PEER_PROVIDER,
        grade=AdmiraltyGrade("A", 1),
        tlp=TLP.AMBER,
        pap=PAP.AMBER,
        received_us=START,
        actor="APT28",
        observables=(Observable(ObservableKind.IPV4, HOSTILE),),
    )
