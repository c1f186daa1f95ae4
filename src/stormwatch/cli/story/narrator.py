"""Tells a story at the terminal: numbered steps, what happened in them, and how long it has taken."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

from stormwatch.cli.output import safe_text

_RULE: Final = "=" * 78


class Narrator:
    """Writes to stdout, or to stderr when stdout is kept for one JSON object."""

    def __init__(self, *, quiet_stdout: bool = False) -> None:
        self._out: TextIO = sys.stderr if quiet_stdout else sys.stdout
        self._began = time.monotonic()
        self._step = 0

    def shout(self, *lines: str) -> None:
        """A notice that nobody overlooks."""
        self._write("\n".join((_RULE, *lines, _RULE)))

    def step(self, title: str) -> None:
        """The next step begins."""
        self._step += 1
        self._write(f"\n[{self._step:2d}] {title}  ({time.monotonic() - self._began:.0f} s)")

    def say(self, text: str) -> None:
        """What happened, indented below its step."""
        self._write("\n".join(f"     {line}" for line in text.splitlines()))

    def _write(self, text: str) -> None:
        self._out.write(safe_text(text) + "\n")
        self._out.flush()
