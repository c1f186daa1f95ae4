"""A value that an option cannot have ends a command with 2 and one sentence, as a wrong option does."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import stormwatch


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
def test_wrong_usage_ends_with_two(
    words: tuple[str, ...], said: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stormwatch("--home", home, "init").returncode == 0
    done = stormwatch("--home", home, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
