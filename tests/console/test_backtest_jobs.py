"""Backtests run one at a time in a process of their own, can be ended, and leave neither process nor draft behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backtest_making import still
from stormwatch.console import backtest_jobs
from stormwatch.console.backtest_jobs import BacktestJobs, Job, JobState
from stormwatch.hunt.backtest_orders import BacktestOrder
from stormwatch.model.errors import Conflict, NotFound
from stormwatch.model.times import DAY
from stormwatch.runtime import Runtime

__all__ = ["still"]


@pytest.fixture
def jobs(runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BacktestJobs]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = BacktestJobs(runtime.settings.home, list)
    yield made
    made.close()
    assert not list(tmp_path.glob("stormwatch-backtest-*"))


def order(number: int = 1) -> BacktestOrder:
    return BacktestOrder(f"backtest-{number}", "person-1", "title: one", "", 0, DAY, "why", 0)


def _ended(jobs: BacktestJobs) -> Job:
    end = time.monotonic() + 30
    while (job := jobs.get("backtest-1")).running:
        assert time.monotonic() < end
        time.sleep(0.02)
    return job


def test_a_process_that_dies_is_told_of(jobs: BacktestJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest_jobs, "_PROGRAM", "raise SystemExit(3)")
    jobs.start(order)
    job = _ended(jobs)
    assert (job.state, job.trouble) == (JobState.FAILED, "it was ended from outside")


def test_closing_ends_what_is_under_way(jobs: BacktestJobs, still: None) -> None:
    jobs.start(order)
    with pytest.raises(Conflict, match="under way"):
        jobs.start(lambda: pytest.fail("nothing may be ordered"))
    jobs.close()
    assert jobs.get("backtest-1").state is JobState.CANCELLED
    with pytest.raises(NotFound):
        jobs.get("backtest-2")


def test_the_last_twenty_are_kept(jobs: BacktestJobs, still: None) -> None:
    for number in range(23):
        jobs.start(lambda number=number: order(number))  # type: ignore[misc]
        jobs.cancel(f"backtest-{number}")
    assert [job.order.order_id for job in jobs.all()] == [f"backtest-{number}" for number in range(22, 2, -1)]


def test_a_report_s_trouble_names_no_place_of_this_machine(jobs: BacktestJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    told = """
import json, sys
file = json.loads(sys.stdin.readline())["file"]
print(json.dumps({"trouble": "no such key (" + file + ":3)"}), flush=True)
"""
    monkeypatch.setattr(backtest_jobs, "_PROGRAM", told)
    jobs.start(order)
    assert _ended(jobs).trouble == "no such key (draft.yml:3)"


def test_the_process_ends_with_the_server(jobs: BacktestJobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whose end of the pipe is closed, however the server ends, and whatever the backtest does at that moment."""
    noted = tmp_path / "pid"
    program = f"""
import os, sys, threading, time
from stormwatch.console.backtest_apart import _end_with_the_server
open({str(noted)!r}, "w").write(str(os.getpid()))
sys.stdin.readline()
threading.Thread(target=_end_with_the_server, daemon=True).start()
print('{{"step": "history", "done": 1, "total": 2}}', flush=True)
time.sleep(600)
"""
    monkeypatch.setattr(backtest_jobs, "_PROGRAM", program)
    jobs.start(order)
    end = time.monotonic() + 30
    while jobs.get("backtest-1").step != "history":
        assert time.monotonic() < end
        time.sleep(0.02)
    process = jobs._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    assert _ended(jobs).trouble == "it was ended from outside"
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)
