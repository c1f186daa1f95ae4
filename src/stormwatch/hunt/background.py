"""Work that goes on while the server runs: hunting when there is news, and whatever else is due at intervals."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from stormwatch.hunt.run import HuntReport

_log = structlog.get_logger(__name__)


class Background:
    """Repeats a piece of work in a thread of its own; a failure is logged and the work is tried again next time."""

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        interval_seconds: float,
        cancel: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._cancel = cancel
        self._work = work
        self._interval = interval_seconds
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins at once."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to do now: the work begins at once, or again when it is under way."""
        self._woken.set()

    def stop(self) -> None:
        """Ends the loop after the piece of work that may be under way, which `cancel` cuts short."""
        self._stop.set()
        self._woken.set()
        if self._cancel is not None:
            self._cancel()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            try:
                self._work()
            except Exception:  # noqa: BLE001 - one failure must not end the watch
                if self._stop.is_set() and self._cancel is not None:
                    return  # cut short
                _log.exception("background_work_failed", work=self._name)
            if not self._stop.is_set():
                self._woken.wait(self._interval)


class HuntWhenNews:
    """Hunts when events wait, or when what is known (indicators) is not what it was at the last hunt."""

    def __init__(
        self, hunt: Callable[[], HuntReport], waiting: Callable[[], bool], knowledge: Callable[[], str]
    ) -> None:
        self._hunt = hunt
        self._waiting = waiting
        self._knowledge = knowledge
        self._hunted_with = ""

    def __call__(self) -> None:
        """One look for news, and a hunt if there is any."""
        known = self._knowledge()
        if known == self._hunted_with and not self._waiting():
            return
        report = self._hunt()
        self._hunted_with = known
        if report.unjudged:
            _log.warning("texts_left_unjudged", unjudged=report.unjudged, trouble=report.judge_trouble)
        _log.info("hunt_done", events=report.events, cases_opened=report.cases_opened)
