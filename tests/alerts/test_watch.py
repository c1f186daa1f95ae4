"""The watch slows nobody, lets go what does not fit, survives a failure; suspended accounts that go on are noticed."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pyarrow as pa
import pytest

from event_making import event, ndjson
from sighting_making import MOMENT, sighting
from stormwatch.events.ingest import ingest_bytes
from stormwatch.hunt.alerts.policy import load_policy
from stormwatch.hunt.alerts.sightings import Sighting
from stormwatch.hunt.alerts.still_asking import still_asking
from stormwatch.hunt.watch import Watch, WatchCounts
from stormwatch.hunt.watchlist import Watchlist, WatchlistReader
from stormwatch.model.alert import AlertLevel
from stormwatch.model.times import MINUTE
from stormwatch.runtime import Runtime

POLICY = load_policy()


class Looked:
    """A watchlist that notes what it was shown and finds one sighting each time."""

    def __init__(self) -> None:
        self.shown: list[int] = []
        self.failing = False

    def look(self, events: pa.Table) -> list[Sighting]:
        self.shown.append(events.num_rows)
        if self.failing:
            raise OSError("made up")
        return [sighting(1)]


@pytest.fixture
def payloads(runtime: Runtime) -> list[bytes]:
    """What the store hands over for ten batches of three events."""
    given: list[bytes] = []
    runtime.events.on_stored = given.append
    for number in range(10):
        batch = ndjson(event(number * 3 + place) for place in range(3))
        ingest_bytes(runtime.events, batch, collector="gateway", source="test")
    again = ndjson([event(1)])
    assert ingest_bytes(runtime.events, again, collector="gateway", source="test").duplicate == 1
    return given


def run(watch: Watch, until: int) -> WatchCounts:
    """The counts, once so many events were looked at."""
    watch.start()
    for _ in range(1000):
        if watch.counts().looked_at >= until:
            break
        threading.Event().wait(0.02)
    watch.stop()
    return watch.counts()


def test_every_new_event_is_looked_at_once_and_a_window_raised_once(payloads: list[bytes]) -> None:
    assert len(payloads) == 10
    raised: list[Sighting] = []

    def raise_(_watchlist: Watchlist, found: Sequence[Sighting]) -> int:
        raised.extend(found)
        return len(found)

    watch, looked = Watch(raise_, queue_bytes=1 << 30), Looked()
    for payload in payloads:
        watch.offer(payload)
    watch.use(looked)  # type: ignore[arg-type]
    assert run(watch, 30) == WatchCounts(looked_at=30)
    assert sum(looked.shown) == 30
    assert len(raised) == 1


def test_what_does_not_fit_is_let_go_and_counted_without_waiting(payloads: list[bytes]) -> None:
    watch = Watch(lambda _watchlist, found: len(found), queue_bytes=len(payloads[0]) * 3 + 10)
    for payload in payloads:
        watch.offer(payload)  # nobody takes from the queue: this would hang if it waited
    assert watch.counts().left_to_hunt == 7 * 3
    looked = Looked()
    watch.use(looked)  # type: ignore[arg-type]
    assert run(watch, 9).looked_at == 9


def test_a_look_that_fails_ends_nothing_and_its_windows_can_be_raised_later(payloads: list[bytes]) -> None:
    calls: list[int] = []

    def raise_(_watchlist: Watchlist, found: Sequence[Sighting]) -> int:
        calls.append(len(found))
        if len(calls) == 1:
            raise OSError("the disk is full")
        return len(found)

    watch, looked = Watch(raise_, queue_bytes=1 << 30), Looked()
    watch.use(looked)  # type: ignore[arg-type]
    watch.offer(payloads[0])
    watch.start()
    while len(calls) < 1:
        threading.Event().wait(0.02)
    watch.offer(payloads[1])
    while len(calls) < 2:
        threading.Event().wait(0.02)
    watch.stop()
    assert calls == [1, 1]


def test_a_watchlist_is_read_anew_only_where_something_changed(runtime: Runtime) -> None:
    reader = WatchlistReader(runtime.settings, runtime.database)
    first = reader.read()
    assert reader.read() is first


def asked(*rows: tuple[str, int, bool | None]) -> pa.Table:
    names = ("event_id", "account_id", "time_us", "blocked")
    filled = [dict(zip(names, (f"ev-{n}", *row), strict=True)) for n, row in enumerate(rows)]
    types = [pa.string(), pa.string(), pa.int64(), pa.bool_()]
    return pa.Table.from_pylist(filled, schema=pa.schema(list(zip(names, types, strict=True))))


def test_a_suspended_account_that_goes_on_is_noticed_by_whether_it_is_kept_out() -> None:
    since = {"banned": MOMENT}
    before, soon, late = MOMENT - 1, MOMENT + 1, MOMENT + 2 * MINUTE
    rows = asked(
        ("banned", before, True),
        ("banned", soon, True),
        ("banned", soon, None),  # under way when the decision fell
        ("banned", late, False),
        ("free", late, True),
    )
    found = still_asking(rows, since, POLICY)
    assert [(s.cause_id, s.level, s.seen) for s in found] == [
        ("suspended:blocked", AlertLevel.MEDIUM, 1),
        ("suspended:answered", AlertLevel.HIGH, 1),
    ]
    assert still_asking(rows, {"banned": MOMENT + 10 * MINUTE}, POLICY) == []
