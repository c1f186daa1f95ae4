"""The house keeps its order: the import contract holds, and rooms have names."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "stormwatch"
MINIMUM_WORDS = 4


def test_the_import_contract_holds() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_says_what_it_turns_into_what() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCE.rglob("*.py")
        if len((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split()) < MINIMUM_WORDS
    ]
    assert silent == []


def test_no_room_without_a_name() -> None:
    nameless = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "managers"}
    assert [str(path) for path in SOURCE.rglob("*") if path.stem in nameless] == []
