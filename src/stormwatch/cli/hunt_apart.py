"""Hunts of a server in a process of their own: what they need of processor and memory is not the server's.

A helper process imports once what hunts need, which takes seconds, and forks for each hunt; memory goes back with the
fork. Both end when the server does, however that ends.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import msgspec
import structlog

from stormwatch.cli.logs import log_to_stderr
from stormwatch.hunt.run import HuntReport
from stormwatch.model.errors import StormwatchError
from stormwatch.runtime import open_runtime
from stormwatch.storage.worker_processes import collect_rarely

_log = structlog.get_logger(__name__)
_NICENESS: Final = 5  # events and alerts come first, and a busy machine must not starve the hunt
# Nice before the imports, which alone take seconds of a processor.
_PROGRAM: Final = (
    f"import os, sys; os.nice({_NICENESS}); from stormwatch.cli.hunt_apart import serve_hunts; serve_hunts(sys.argv[1])"
)
_HUNT: Final = b"hunt\n"


class _Answer(msgspec.Struct):
    """What became of a hunt: its report, or why there is none."""

    report: HuntReport | None = None
    reason: str = "it was ended from outside"


class HuntApart:
    """Hunts over a home. `stop` ends a hunt under way: one can be cut short anywhere and is taken up by the next."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._helper: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def __call__(self) -> HuntReport:
        """One hunt; StormwatchError with its own words when it failed."""
        helper = self._running()
        try:
            answer = _ask(helper)
        except (OSError, msgspec.DecodeError) as error:
            helper.kill()
            raise StormwatchError("the process that hunts ended; the next hunt starts another") from error
        if answer.report is None:
            raise StormwatchError(f"the hunt failed: {answer.reason}")
        return answer.report

    def stop(self) -> None:
        """Ends the hunt that may be under way; none begins afterwards."""
        with self._lock:
            self._stopped = True
            if self._helper is not None and self._helper.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._helper.pid, signal.SIGTERM)  # the fork that hunts, too
                self._helper.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise StormwatchError("the server is stopping")
            if self._helper is None or self._helper.poll() is not None:
                self._helper = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                    [sys.executable, "-c", _PROGRAM, str(self._home)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    # Ctrl+C is for the server, which ends this in its own time. A group and not a session: Linux shares
                    # processors out among sessions first, and being nice then counts for nothing.
                    process_group=0,
                )
            return self._helper


def _ask(helper: subprocess.Popen[bytes]) -> _Answer:
    assert helper.stdin is not None
    assert helper.stdout is not None
    helper.stdin.write(_HUNT)
    helper.stdin.flush()
    return msgspec.json.decode(helper.stdout.readline(), type=_Answer)


def serve_hunts(home: str) -> None:
    """The helper's own loop: one hunt for each line on stdin, one line of JSON about it on stdout."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # what a terminal may do to a group behind another that writes to it
    log_to_stderr()
    collect_rarely()
    for _ in sys.stdin.buffer:
        child = os.fork()
        if child == 0:
            status = 1
            threading.Thread(target=_end_with_the_server, daemon=True).start()
            try:
                _hunt(Path(home), sys.stdout.buffer)
                status = 0
            finally:
                os._exit(status)
        if os.waitpid(child, 0)[1] != 0:
            _tell(_Answer(), sys.stdout.buffer)


def _end_with_the_server() -> None:
    """Ends this fork when the server's end of the pipe is gone: nobody would hear of the hunt."""
    ended = select.poll()
    ended.register(sys.stdin.fileno(), 0)  # a hang-up is told without being asked for
    ended.poll()
    os._exit(1)


def _hunt(home: Path, out: IO[bytes]) -> None:
    runtime = open_runtime(home)
    try:
        answer = _Answer(runtime.hunt())
    except StormwatchError as error:
        answer = _Answer(reason=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it was, the server has to hear of it
        _log.exception("hunt_failed")
        answer = _Answer(reason=repr(error))
    finally:
        runtime.close()
    _tell(answer, out)


def _tell(answer: _Answer, out: IO[bytes]) -> None:
    with suppress(BrokenPipeError):  # the server is gone; the helper ends at its next look for work
        out.write(msgspec.json.encode(answer) + b"\n")
        out.flush()
