"""Follows the case database in a thread: each change into the next decision list, kept on disk before it counts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from stormwatch.api.decision_process.decision_list import DecisionList
from stormwatch.api.decision_process.kept_state import KeptState
from stormwatch.api.decision_process.known_tokens import KnownToken, KnownTokens, read_tokens
from stormwatch.api.decision_process.snapshot import Snapshot
from stormwatch.api.decision_process.source import Source, changes_after
from stormwatch.model.errors import StormwatchError
from stormwatch.model.times import SECOND, now_us
from stormwatch.storage.worker_processes import spawned_pool

_log = structlog.get_logger(__name__)
_PAUSE_SECONDS: Final = 0.25
_MOST_CHANGES: Final = 10_000  # so many are carried beside a snapshot; then another is made
_KEEP_EVERY: Final = 15 * SECOND
_NICENESS: Final = 5


@dataclass(frozen=True)
class Known:
    """What the process goes by at a moment; `read_us` is when the database last said so."""

    decided: DecisionList
    tokens: KnownTokens
    read_us: int


class Follower:
    """Keeps `known` up to date; `on_news` is called from its thread when the list is another."""

    def __init__(self, url: str, kept: KeptState, appeal_url: str | None, on_news: Callable[[], None]) -> None:
        self._source = Source(url)
        self._url = url
        self._kept = kept
        self._appeal_url = appeal_url
        self._on_news = on_news
        self._tokens: tuple[KnownToken, ...] = ()
        self._kept_us = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow-decisions", daemon=True)
        self.known: Known | None = None
        self.trouble: str | None = None

    def start(self) -> None:
        """Takes up the last good state from disk, then follows; InvalidInput when what is on disk is damaged."""
        state = self._kept.load()
        if state is not None:
            decided, since = state
            self._tokens = since.tokens
            self.known = Known(decided, KnownTokens(since.tokens), since.read_us)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, unless it waits for the database: then it ends with the process."""
        self._stop.set()
        self._thread.join(timeout=1)
        if not self._thread.is_alive() and self.known is not None:
            self._keep(self.known)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
                self._report(None)
            except StormwatchError as error:
                self._report(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it was, the answers go on and the next look may work
                _log.exception("following_failed")
                self._report(repr(error))
            self._stop.wait(_PAUSE_SECONDS)

    def look(self) -> None:
        """One look at the database, and the next list when something changed."""
        known, moment = self.known, now_us()
        seal = None if known is None else known.decided.snapshot.seal
        if known is None or seal is None or (seal.source, seal.appeal_url) != (self._source.name, self._appeal_url):
            self._begin()
            return
        with self._source.read() as connection:
            sequence, changes = changes_after(connection, known.decided.overlay.sequence, _MOST_CHANGES)
            tokens = read_tokens(connection)
        if sequence < (followed := known.decided.overlay.sequence):
            raise StormwatchError(
                f"the case database is at change {sequence}, older than the {followed} known here",
                remedy="if a backup was restored on purpose, start `stormwatch decide` with --anew",
            )
        if changes is None or len(known.decided.overlay.changed) + len(changes) > _MOST_CHANGES:
            self._begin()
            return
        changed = bool(changes) or tokens != self._tokens
        decided = known.decided.after(changes, sequence) if changes else known.decided
        self._take(decided, tokens, moment, keep=changed)

    def _begin(self) -> None:
        """Another snapshot. While answers are given it is made in another process, so that none waits for it."""
        with self._source.read() as connection:
            tokens = read_tokens(connection)
        arguments = (self._url, self._kept.snapshot_file, self._appeal_url)
        if self.known is None:
            _write(*arguments)
        else:
            with spawned_pool(1, _step_back) as pool:
                pool.submit(_write, *arguments).result()
        decided = DecisionList(Snapshot(self._kept.snapshot_file))
        self._take(decided, tokens, decided.snapshot.seal.read_us, keep=True)

    def _take(self, decided: DecisionList, tokens: tuple[KnownToken, ...], read_us: int, *, keep: bool) -> None:
        before, self._tokens = self.known, tokens
        known = Known(decided, KnownTokens(tokens), read_us)
        if keep or read_us - self._kept_us > _KEEP_EVERY:
            self._keep(known)
        decided.etag()  # here, and not while a caller waits
        self.known = known
        if before is None or before.decided is not decided:
            self._on_news()

    def _keep(self, known: Known) -> None:
        try:
            self._kept.save(known.decided, self._tokens, known.read_us)
            self._kept_us = known.read_us
        except OSError as error:  # a decision counts all the same; only a restart would not know it
            _log.error("decisions_not_kept", reason=str(error))

    def _report(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            if trouble is None:
                _log.info("decisions_followed")
            else:
                _log.warning("decisions_not_followed", reason=trouble)


def _step_back() -> None:
    os.nice(_NICENESS)


def _write(url: str, file: Path, appeal_url: str | None) -> None:
    source = Source(url)
    try:
        source.write_snapshot(file, appeal_url)
    finally:
        source.close()
