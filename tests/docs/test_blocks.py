"""Every fenced console and Python block of the documentation runs, in a fresh directory, with the real executable."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.DOTALL | re.MULTILINE)
# What a block may be: executed (console, python), or plainly no command (the others).
LANGUAGES = {"console", "python", "text", "json", "yaml", "csv", "sql", "toml", "nginx", "diff"}
END = "<<end of command>>"
# The one setting that is not taken away: compiling the shipped rules takes each fresh home twenty seconds.
KEPT = "STORMWATCH_COMPILED_RULES"


@dataclass(frozen=True)
class Command:
    """One `$ …` of a console block and the lines that should come out."""

    text: str
    expected: str


def blocks(page: Path, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def commands(block: str) -> list[Command]:
    """`$ ` begins a command, `> ` continues it; what follows, if anything, is its output (`...` matches anything)."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1][0].append(line[2:])
        else:
            assert found, f"a console block begins with output: {line!r}"
            found[-1][1].append(line)
    return [Command("\n".join(text), "".join(f"{line}\n" for line in output)) for text, output in found]


def with_blocks(language: str) -> list[object]:
    pages = [page for page in PAGES if blocks(page, language)]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


def run_all(steps: list[Command], folder: Path) -> list[str]:
    """Runs the commands in one shell that stops at the first failure; gives the output of each."""
    script = "set -eo pipefail\n" + "".join(f"{step.text}\necho '{END}'\n" for step in steps)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "XDG_CONFIG_HOME": str(folder.parent / "configuration"),
        "COLUMNS": "200",
        "TERM": "dumb",
    }
    for name in [name for name in environment if name.startswith("STORMWATCH_") and name != KEPT]:
        del environment[name]
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    outputs = done.stdout.split(f"{END}\n")
    if done.returncode != 0:
        stopped = steps[len(outputs) - 1].text
        pytest.fail(f"$ {stopped}\nexit {done.returncode}\n{outputs[-1]}{done.stderr}", pytrace=False)
    return outputs[:-1]


@pytest.mark.long
@pytest.mark.parametrize("page", with_blocks("console"))
def test_console_blocks_run(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    steps = [command for block in blocks(page, "console") for command in commands(block)]
    checker = doctest.OutputChecker()
    for step, output in zip(steps, run_all(steps, folder), strict=True):
        if step.expected and not checker.check_output(step.expected, output, doctest.ELLIPSIS):
            pytest.fail(f"$ {step.text}\nexpected:\n{step.expected}\ngot:\n{output}", pytrace=False)


@pytest.mark.parametrize("page", with_blocks("python"))
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    names: dict[str, object] = {"__name__": "documentation"}
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_every_block_says_what_it_is(page: Path) -> None:
    used = {language for language, _ in FENCE.findall(page.read_text(encoding="utf-8"))}
    assert used <= LANGUAGES, f"write a command as a `console` block, so that it runs as a test: {used - LANGUAGES}"
