"""The installed program: what a command, and each of its worker processes, imports before it begins stays small."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from command_line import stormwatch
from stormwatch import __version__

_TOLD = "import sys, {module}; print(*sys.modules)"


def test_the_program_can_be_imported_without_the_command_line() -> None:
    (program,) = entry_points(group="console_scripts", name="stormwatch")
    assert program.module == "stormwatch.cli.program"
    ours = [name for name in imported_with("stormwatch.cli.program") if name.startswith("stormwatch.")]
    assert ours == ["stormwatch.cli", "stormwatch.cli.program"]


@pytest.mark.parametrize("module", ["stormwatch.hunt.run", "stormwatch.cli.case", "stormwatch.cli.serve"])
def test_no_command_waits_for_what_takes_a_second_to_import(module: str) -> None:
    slow = {"alembic", "altair", "rfc3987_syntax", "scipy.optimize", "scipy.stats", "vl_convert"}
    assert slow & set(imported_with(module)) == set()


def test_the_version_is_told() -> None:
    called = stormwatch("--version")
    assert (called.returncode, called.stdout) == (0, f"stormwatch {__version__}\n")


def imported_with(module: str) -> list[str]:
    program = _TOLD.format(module=module)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
