"""Makes events, files of events and stores for tests of the way in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from stormwatch.events.store import EventStore
from stormwatch.model.event import EventText
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.texts import unseal


def event(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A usage event; fields are added or replaced, None takes one away."""
    made = {
        "event_id": f"ev-{number}",
        "time": "2026-03-02T10:00:00.250Z",
        "account_id": f"acct-{number % 7}",
        "source_ip": "203.0.113.9",
        "input": [{"role": "user", "content": f"translate page {number} of the manual"}],
        **fields,
    }
    return {name: value for name, value in made.items() if value is not None}


def ndjson(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Records as NDJSON."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def store_in(home: Path, *, max_record_bytes: int = 1 << 20) -> EventStore:
    """A store with a key of its own; the same home gives the same key."""
    return EventStore(home, Keyring(b"k" * 32), Lake(home / "lake"), max_record_bytes=max_record_bytes)


def stored(store: EventStore) -> pa.Table:
    """The lake's events after compaction."""
    store.compact()
    return store.lake.read("events")


def counts(table: pa.Table) -> Counter[str]:
    """How often each event id is there."""
    return Counter(table["event_id"].to_pylist())


def texts(store: EventStore) -> list[EventText]:
    """All texts of the lake, in the order of its events."""
    return [
        text
        for row in store.lake.read("texts").to_pylist()
        for text in unseal(store.keyring, row["segment"], row["chunk"], row["sealed"])
    ]
