"""Hunts of a server in a process of their own: what they need of processor and memory is not the server's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from stormwatch.hunt.run import HuntReport
from stormwatch.model.errors import StormwatchError

_NICENESS: Final = 10  # events and alerts come first
_PROGRAM: Final = "from stormwatch.cli.main import run; run()"
_LONGEST_REASON: Final = 500


class HuntApart:
    """Calls `stormwatch hunt` for a home. `stop` ends a hunt under way; it can be cut short anywhere and taken up."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def __call__(self) -> HuntReport:
        """One hunt; StormwatchError with its own words when it failed."""
        command = [sys.executable, "-c", _PROGRAM, "--home", str(self._home), "hunt", "--json"]
        with self._lock:
            if self._stopped:
                raise StormwatchError("the server is stopping")
            process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            self._process = process
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        said, reason = process.communicate()
        if process.returncode != 0:
            raise StormwatchError(f"the hunt ended with {process.returncode}: {reason.strip()[-_LONGEST_REASON:]}")
        return msgspec.json.decode(said, type=HuntReport)

    def stop(self) -> None:
        """Ends the hunt that may be under way; none begins afterwards."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is not None:
            process.terminate()
