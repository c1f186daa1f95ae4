"""A world's events and account records to what simple rules go by: who shares what, and who was active when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from stormwatch.evaluate.streams import read_stream
from stormwatch.evaluate.worlds import ACCOUNTS_FILE, EVENTS_FILE
from stormwatch.model.times import parse_rfc3339

ADDRESS: Final = "source_ip"


class _Event(msgspec.Struct):
    account_id: str
    time: str
    event_id: str = ""
    source_ip: str | None = None
    device_id: str | None = None
    api_key_id: str | None = None


class _Record(msgspec.Struct):
    account_id: str
    signup_ip: str | None = None
    device_id: str | None = None
    payment_fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a provider sees: holders of each identifier (kind, value), and events per account."""

    holders: Mapping[tuple[str, str], frozenset[str]]
    events: Mapping[str, int]
    times_us: Mapping[str, tuple[int, ...]]


def read_seen(world: Path, timed: frozenset[str]) -> Seen:
    """Reads the world's two streams; times are kept only of the accounts in `timed`."""
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    events: dict[str, int] = defaultdict(int)
    times: dict[str, list[int]] = defaultdict(list)
    for event in read_stream(world / EVENTS_FILE, _Event):
        account = event.account_id
        events[account] += 1
        for kind, value in ((ADDRESS, event.source_ip), ("device", event.device_id), ("key", event.api_key_id)):
            if value:
                holders[kind, value].add(account)
        if account in timed:
            times[account].append(parse_rfc3339(event.time))
    for record in read_stream(world / ACCOUNTS_FILE, _Record):
        own = ((ADDRESS, record.signup_ip), ("device", record.device_id), ("payment", record.payment_fingerprint))
        for kind, value in own:
            if value:
                holders[kind, value].add(record.account_id)
    return Seen(
        {identifier: frozenset(held) for identifier, held in holders.items()},
        dict(events),
        {account: tuple(sorted(moments)) for account, moments in times.items()},
    )
