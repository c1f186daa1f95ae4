"""The stream path: what the store acknowledged is looked at in seconds, in a thread that nobody waits for.

Between the store and the look stands a queue of bounded size. What does not fit is let go and counted: the next hunt
looks at every event anyhow and raises the same alerts. So does a hunt after the process died.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import structlog

from stormwatch.events.records import from_ipc
from stormwatch.hunt.alerts.sightings import Sighting
from stormwatch.hunt.watchlist import Watchlist

_log = structlog.get_logger(__name__)
_LARGEST_LOOK: Final = 16 * 1024 * 1024  # bytes
_WINDOWS_REMEMBERED: Final = 100_000


@dataclass(frozen=True, slots=True)
class WatchCounts:
    """What became of fresh events so far: looked at, left to the next hunt, or still waiting (in bytes)."""

    looked_at: int = 0
    left_to_hunt: int = 0
    waiting_bytes: int = 0


class Watch:
    """Looks at fresh events, once it was given a watchlist. `raise_` puts sightings into the outbox."""

    def __init__(self, raise_: Callable[[Watchlist, Sequence[Sighting]], int], *, queue_bytes: int) -> None:
        self._watchlist: Watchlist | None = None
        self._raise = raise_
        self._room = queue_bytes
        self._queue: deque[bytes] = deque()
        self._counts = WatchCounts()
        self._behind = False
        self._changed = threading.Condition()
        self._stopping = False
        self._raised: OrderedDict[str, None] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def offer(self, payload: bytes) -> None:
        """Takes what was just stored (an Arrow IPC stream of LOG_EVENTS), or lets it go when the queue is full."""
        with self._changed:
            counts = self._counts
            full = counts.waiting_bytes + len(payload) > self._room and counts.waiting_bytes > 0
            if full:
                rows = from_ipc(payload).num_rows
                self._counts = WatchCounts(counts.looked_at, counts.left_to_hunt + rows, counts.waiting_bytes)
            else:
                self._queue.append(payload)
                self._add_waiting(len(payload))
            newly_behind, self._behind = full and not self._behind, full
            self._changed.notify()
        if newly_behind:
            _log.warning("watch_is_behind", remedy="events are left to the next hunt until the queue has room")

    def use(self, watchlist: Watchlist) -> None:
        """From the next look on, events are held against this."""
        with self._changed:
            self._watchlist = watchlist
            self._changed.notify()

    def counts(self) -> WatchCounts:
        """What became of fresh events so far."""
        with self._changed:
            return self._counts

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the look that may be under way; what waits is left to the next hunt."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            watchlist, payloads = taken
            try:
                self._look(watchlist, [from_ipc(payload) for payload in payloads])
            except Exception:  # noqa: BLE001 - one failure must not end the watch; the hunt will look
                _log.exception("watch_failed", remedy="the next hunt looks at these events")

    def _take(self) -> tuple[Watchlist, list[bytes]] | None:
        """Waits for payloads and takes those that make one look; None when the watch ends."""
        with self._changed:
            while not self._stopping and (self._watchlist is None or not self._queue):
                self._changed.wait()
            if self._stopping or self._watchlist is None:
                return None
            taken = [self._queue.popleft()]
            size = len(taken[0])
            while self._queue and size + len(self._queue[0]) <= _LARGEST_LOOK:
                taken.append(self._queue.popleft())
                size += len(taken[-1])
            self._add_waiting(-size)
            return self._watchlist, taken

    def _add_waiting(self, more: int) -> None:
        counts = self._counts
        self._counts = WatchCounts(counts.looked_at, counts.left_to_hunt, counts.waiting_bytes + more)

    def _look(self, watchlist: Watchlist, tables: Sequence[pa.Table]) -> None:
        events = pa.concat_tables(tables)
        news = [sighting for sighting in watchlist.look(events) if not self._was_raised(sighting)]
        if news:
            raised = self._raise(watchlist, news)
            self._remember(news)
            _log.info("alerts_raised", alerts=raised, sightings=len(news))
        with self._changed:
            counts = self._counts
            looked_at = counts.looked_at + events.num_rows
            self._counts = WatchCounts(looked_at, counts.left_to_hunt, counts.waiting_bytes)

    def _was_raised(self, sighting: Sighting) -> bool:
        """Whether this window was raised lately: a rule that fires all the time must not ask the database each time."""
        if sighting.window_id not in self._raised:
            return False
        self._raised.move_to_end(sighting.window_id)
        return True

    def _remember(self, sightings: Sequence[Sighting]) -> None:
        for sighting in sightings:
            self._raised[sighting.window_id] = None
        while len(self._raised) > _WINDOWS_REMEMBERED:
            self._raised.popitem(last=False)
