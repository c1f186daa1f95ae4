"""The installed program: what worker processes import again of it stays small."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

_TOLD = "import sys, stormwatch.cli.program; print(*(name for name in sys.modules if name.startswith('stormwatch.')))"


def test_the_program_can_be_imported_without_the_command_line() -> None:
    (program,) = entry_points(group="console_scripts", name="stormwatch")
    assert program.module == "stormwatch.cli.program"
    imported = subprocess.run([sys.executable, "-c", _TOLD], capture_output=True, text=True, check=True).stdout.split()
    assert imported == ["stormwatch.cli", "stormwatch.cli.program"]
