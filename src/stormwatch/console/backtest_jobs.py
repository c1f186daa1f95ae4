"""Backtests under way and done: each in a process of its own, one at a time, watched and cancelled from the console.

Reports stay in memory and end with the server; the ledger keeps that they were asked for, and why.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
import structlog

from stormwatch.console.backtest_apart import NICENESS, Task, Word
from stormwatch.hunt.backtest import BacktestReport
from stormwatch.hunt.backtest_orders import BacktestOrder
from stormwatch.model.errors import Conflict, NotFound
from stormwatch.model.times import now_us

_log = structlog.get_logger(__name__)
_MOST_KEPT: Final = 20
_LONGEST_SECONDS: Final = 3600.0
_DRAFT: Final = "draft.yml"
_PROGRAM: Final = (
    f"import os; os.nice({NICENESS}); from stormwatch.console.backtest_apart import serve_backtest; serve_backtest()"
)


class JobState(StrEnum):
    """What became of a backtest so far."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """One backtest: how far it is, then its report or why there is none. `total` is None while it is not known."""

    order: BacktestOrder
    state: JobState = JobState.RUNNING
    step: str = "starting"
    done: int = 0
    total: int | None = None
    report: BacktestReport | None = None
    trouble: str = ""
    ended_us: int | None = None

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self.state is JobState.RUNNING


class BacktestJobs:
    """The backtests of one console; `folders` says where the rules in force lie when one begins."""

    def __init__(self, home: Path, folders: Callable[[], Sequence[Path]]) -> None:
        self._home = home
        self._folders = folders
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []

    def start(self, make_order: Callable[[], BacktestOrder], installed: Path | None = None) -> Job:
        """Begins what is ordered; Conflict while another is under way, and then nothing is ordered at all.

        `installed` is the file that holds the very rule, where it is tried as it is.
        """
        with self._lock:
            busy = next((job for job in self._jobs.values() if job.running), None)
            if busy is not None:
                raise Conflict(
                    "a backtest is under way already", where=busy.order.order_id, remedy="wait for it or cancel it"
                )
            job = Job(make_order())
            self._jobs[job.order.order_id] = job
            for old in list(self._jobs)[:-_MOST_KEPT]:
                del self._jobs[old]
        thread = threading.Thread(target=self._run, args=(job.order, installed), name="backtest", daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        atexit.unregister(self.close)
        atexit.register(self.close)
        thread.start()
        return job

    def all(self) -> tuple[Job, ...]:
        """Those of this server, the newest first."""
        with self._lock:
            return tuple(reversed(self._jobs.values()))

    def get(self, order_id: str) -> Job:
        """One of them; NotFound when this server knows none of that id."""
        with self._lock:
            if order_id not in self._jobs:
                raise NotFound(
                    "there is no such backtest", where=order_id, remedy="their reports end with the server: run it anew"
                )
            return self._jobs[order_id]

    def cancel(self, order_id: str) -> Job:
        """Ends it at once; one that ended before stays as it is."""
        self.get(order_id)
        with self._lock:
            job = self._jobs[order_id]
            if job.running:
                job = self._jobs[order_id] = replace(job, state=JobState.CANCELLED, ended_us=now_us())
                self._end_process()
        return job

    def close(self) -> None:
        """Ends what is under way, and waits until nothing of it is left."""
        for job in self.all():
            self.cancel(job.order.order_id)
        for thread in self._threads:
            thread.join()

    def _run(self, order: BacktestOrder, installed: Path | None) -> None:
        with tempfile.TemporaryDirectory(prefix="stormwatch-backtest-") as folder:
            file = installed or Path(folder) / _DRAFT
            if installed is None:
                file.write_text(order.text, encoding="utf-8", errors="replace")
            clock = threading.Timer(_LONGEST_SECONDS, self._too_long, [order.order_id])
            clock.daemon = True
            clock.start()
            try:
                self._listen(order, file)
            except (OSError, msgspec.DecodeError) as error:
                _log.warning("backtest_failed", order=order.order_id, error=repr(error))
            finally:
                clock.cancel()
                self._finish(order.order_id, Word(trouble="it was ended from outside"), folder)

    def _listen(self, order: BacktestOrder, file: Path) -> None:
        with self._lock:
            if not self._jobs[order.order_id].running:
                return
            process = self._process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
            )
        task = Task(str(self._home), str(file), tuple(map(str, self._folders())), order.since_us, order.until_us)
        assert process.stdin is not None
        assert process.stdout is not None
        with process, suppress(BrokenPipeError):  # what it died of is told when its output ends
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            process.stdin.flush()
            for line in process.stdout:
                self._hear(order.order_id, msgspec.json.decode(line, type=Word), str(file.parent))

    def _hear(self, order_id: str, word: Word, folder: str) -> None:
        if word.report is not None or word.trouble:
            self._finish(order_id, word, folder)
            return
        with self._lock:
            job = self._jobs[order_id]
            if job.running:
                self._jobs[order_id] = replace(job, step=word.step, done=word.done, total=word.total)

    def _finish(self, order_id: str, word: Word, folder: str) -> None:
        with self._lock:
            job = self._jobs[order_id]
            if not job.running:
                return
            state = JobState.DONE if word.report is not None else JobState.FAILED
            trouble = word.trouble.replace(f"{folder}/", "")  # where the draft lay meanwhile is nobody's concern
            self._jobs[order_id] = replace(job, state=state, report=word.report, trouble=trouble, ended_us=now_us())

    def _too_long(self, order_id: str) -> None:
        self._finish(order_id, Word(trouble="it took over an hour; try it on fewer days"), "")
        with self._lock:
            self._end_process()

    def _end_process(self) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                self._process.kill()
