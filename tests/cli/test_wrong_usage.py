"""A value that an option cannot have ends a command with 2 and one sentence, as a wrong option does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STORMWATCH = Path(sys.executable).with_name("stormwatch")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hunt", "--since", "bogus"), "--since"),
        (("hunt", "--engine", "abacus"), "--engine"),
        (("simulate", "world", "--knob", "zzz=1"), "no knob"),
        (("simulate", "world", "--accounts", "none"), "--accounts"),
        (("export", "nothing", "--output", "x"), "nothing"),
    ],
)
def test_wrong_usage_ends_with_two(words: tuple[str, ...], said: str, home: Path, tmp_path: Path) -> None:
    command = [str(STORMWATCH), "--home", str(home), *words]
    subprocess.run([*command[:3], "init"], check=True, capture_output=True)
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
