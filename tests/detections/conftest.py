"""Rules written on the spot, and lakes with segments of events and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.event import EventText, Message
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange
from stormwatch.storage.schemas import ACCOUNT_RECORDS, EVENTS
from stormwatch.storage.texts import ROWS_PER_CHUNK, seal

HEAD = """\
title: {title}
id: {rule_id}
status: experimental
description: Made for a test.
references: [https://operator.example/rules]
author: The Stormwatch authors
date: 2026-11-22
tags: [llm.02, attack.t1059]
falsepositives: [anyone]
level: medium
logsource: {{category: llm}}
"""
FIRST_ID = "6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de"


@pytest.fixture
def rule_text() -> Callable[..., str]:
    """The text of a rule whose detection part is given."""

    def write(detection: str, *, rule_id: str = FIRST_ID, title: str = "A rule", more: str = "") -> str:
        lines = "".join(f"  {line}\n" for line in detection.strip("\n").splitlines())
        return HEAD.format(title=title, rule_id=rule_id) + more + "detection:\n" + lines

    return write


@pytest.fixture
def make_rule(tmp_path: Path, rule_text: Callable[..., str]) -> Callable[..., Rule]:
    """A loaded rule whose detection part is given."""

    def make(detection: str, **options: str) -> Rule:
        path = tmp_path / f"rule-{options.get('rule_id', FIRST_ID)}.yml"
        path.write_text(rule_text(detection, **options), encoding="utf-8")
        return load_rules([path])[0]

    return make


@pytest.fixture
def said() -> Callable[..., EventText]:
    """An event's text."""

    def say(prompt: str, response: str = "") -> EventText:
        output = (Message("assistant", response),) if response else ()
        return EventText("event", (Message("user", prompt),), output)

    return say


def event_row(number: int, prompt: str, **columns: Any) -> dict[str, Any]:
    """One event with its prompt (taken out again by `add_segment`)."""
    row = {"event_id": f"event-{number}", "time_us": number * 1_000_000, "account_id": f"account-{number % 5}"}
    return {"collector": "test", "prompt": prompt, **row, **columns}


@pytest.fixture
def add_segment(lake: Lake, keyring: Keyring) -> Callable[[str, Sequence[dict[str, Any]]], None]:
    """Writes events with their texts as a segment of the lake."""

    def add(segment: str, rows: Sequence[dict[str, Any]]) -> None:
        texts = [EventText(row["event_id"], (Message("user", row["prompt"]),)) for row in rows]
        places = [
            {"segment": segment, "text_chunk": index // ROWS_PER_CHUNK, "text_row": index % ROWS_PER_CHUNK}
            for index in range(len(rows))
        ]
        columns = {
            name: [{**row, **place}.get(name) for row, place in zip(rows, places, strict=True)] for name in EVENTS.names
        }
        files = {
            "events": [lake.write("events", pa.table(columns, schema=EVENTS), segment=segment)],
            "texts": [lake.write("texts", seal(keyring, segment, texts), segment=segment)],
        }
        lake.commit(LakeChange(add=files))

    return add


@pytest.fixture
def add_records(lake: Lake) -> Callable[[Sequence[dict[str, Any]]], None]:
    """Appends account records to the lake."""

    def add(rows: Sequence[dict[str, Any]]) -> None:
        columns = {name: [row.get(name) for row in rows] for name in ACCOUNT_RECORDS.names}
        file = lake.write("account_records", pa.table(columns, schema=ACCOUNT_RECORDS))
        lake.commit(LakeChange(add={"account_records": [file]}))

    return add


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Makes rows for `add_segment`."""
    return event_row
