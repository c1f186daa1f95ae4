"""Calls the command line as a shell does, in this process: a start of Python for each call would cost a second."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from stormwatch.cli.main import run


@dataclass(frozen=True)
class Called:
    """How a call ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def stormwatch(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> Called:
    """Runs `stormwatch ARGUMENTS` with nobody at the terminal and `environment` added to what is set."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["stormwatch", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO())
        for name, value in (environment or {}).items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            run()
    code = ended.value.code
    return Called(code if isinstance(code, int) else 0 if code is None else 1, out.getvalue(), err.getvalue())
