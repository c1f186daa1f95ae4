"""A backtest in a process of its own: one line of JSON in says what to try, lines of JSON out say how far it is."""

from __future__ import annotations

import os
import select
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from stormwatch.detections.history import Window
from stormwatch.hunt.backtest import BacktestParts, BacktestReport, backtest
from stormwatch.model.errors import StormwatchError
from stormwatch.runtime import Runtime, open_runtime

NICENESS: Final = 10  # whoever asks for it waits; events, alerts and hunts come first


class Task(msgspec.Struct, frozen=True):
    """The home, the file with the rule, where the rules in force lie, and the window."""

    home: str
    file: str
    installed: tuple[str, ...]
    since_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class Word:
    """One line of the answer: a step and how far it is, or the report, or why there is none."""

    step: str = ""
    done: int = 0
    total: int | None = None
    report: BacktestReport | None = None
    trouble: str = ""


def serve_backtest() -> None:
    """The process: reads its task from stdin, which the server keeps open for as long as it lives."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    runtime = open_runtime(Path(task.home))
    try:
        answer = Word(report=_try(runtime, task, sys.stdout.buffer))
    except StormwatchError as error:
        answer = Word(trouble=str(error))
    finally:
        runtime.close()
    _tell(answer, sys.stdout.buffer)


def _try(runtime: Runtime, task: Task, out: IO[bytes]) -> BacktestReport:
    parts = BacktestParts(runtime.lake, runtime.keyring, runtime.database, [Path(path) for path in task.installed])

    def progress(step: str, done: int, total: int | None, /) -> None:
        _tell(Word(step, done, total), out)

    return backtest(parts, Path(task.file), Window(task.since_us, task.until_us), progress)


def _tell(word: Word, out: IO[bytes]) -> None:
    out.write(msgspec.json.encode(word) + b"\n")
    out.flush()


def _end_with_the_server() -> None:
    ended = select.poll()
    ended.register(sys.stdin.fileno(), 0)  # a hang-up is told without being asked for
    ended.poll()
    os._exit(1)
