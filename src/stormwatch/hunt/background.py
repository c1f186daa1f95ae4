"""Hunts by itself while the server runs: whenever there is news, at most once an interval, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from stormwatch.hunt.run import HuntReport

_log = structlog.get_logger(__name__)


class BackgroundHunts:
    """A loop that hunts when events wait, or when what is known is not what it was at the last hunt."""

    def __init__(
        self,
        hunt: Callable[[], HuntReport],
        *,
        waiting: Callable[[], bool],
        knowledge: Callable[[], str],
        interval_seconds: float,
    ) -> None:
        self._hunt = hunt
        self._waiting = waiting
        self._knowledge = knowledge
        self._interval = interval_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hunts", daemon=True)

    def start(self) -> None:
        """Begins; the first hunt comes as soon as there is news."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the loop after the hunt that may be under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        hunted_with = ""
        while not self._stop.is_set():
            known = self._knowledge()
            if (known != hunted_with or self._waiting()) and self._once():
                hunted_with = known
            self._stop.wait(self._interval)

    def _once(self) -> bool:
        try:
            report = self._hunt()
        except Exception:  # noqa: BLE001 - one failed hunt must not end the watch: it is logged, and tried again
            _log.exception("hunt_failed")
            return False
        _log.info("hunt_done", events=report.events, cases_opened=report.cases_opened)
        return True
