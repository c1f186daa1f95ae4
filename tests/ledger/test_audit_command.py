"""`audit` promises: exit 1 and an explanation when the ledger is broken, and checkpoints of a whole ledger only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from command_line import Called, stormwatch

Run = Callable[..., Called]


@pytest.fixture
def run(home: Path) -> Run:
    """Runs the command on a home that has its first administrator."""

    def call(*arguments: str) -> Called:
        return stormwatch("--home", home, *arguments)

    assert call("init").returncode == 0
    return call


def _tamper(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "stormwatch.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_whole_ledger_and_its_checkpoint(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.json"
    assert run("audit", "checkpoint", "--output", str(file)).returncode == 0
    printed = json.loads(run("audit", "checkpoint", "--json").stdout)
    kept = json.loads(file.read_text())
    assert (kept["origin"], kept["size"], kept["root"]) == (printed["origin"], printed["size"], printed["root"])
    verified = run("audit", "verify", "--checkpoint", str(file), "--json")
    assert verified.returncode == 0
    assert json.loads(verified.stdout)["checkpoint_size"] == kept["size"] == 3


def test_a_changed_row_fails_and_is_named(run: Run, home: Path) -> None:
    _tamper(home, "UPDATE ledger SET actor = 'somebody else' WHERE sequence = 2")
    broken = run("audit", "verify")
    assert broken.returncode == 1
    assert broken.stderr.startswith("stormwatch: the ledger is broken: row 2 (token.issued) is not what was recorded")
    flaws = json.loads(run("audit", "verify", "--json").stdout)["flaws"]
    assert [(flaw["problem"], flaw["sequence"]) for flaw in flaws] == [("changed", 2)]
    assert run("audit", "checkpoint").returncode == 1, "a broken ledger is not vouched for"


def test_a_ledger_that_was_emptied_fails_against_its_checkpoint(run: Run, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.json"
    run("audit", "checkpoint", "--output", str(file))
    _tamper(home, "DELETE FROM ledger_salts", "DELETE FROM ledger", "DELETE FROM ledger_head")
    broken = run("audit", "verify", "--checkpoint", str(file))
    assert broken.returncode == 1
    assert "the checkpoint counts 3 entries and only 0 are left: the end was cut off" in broken.stderr


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 5000, b'{"size": "2"}'])
def test_a_file_that_is_no_checkpoint_is_explained(run: Run, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "checkpoint.json"
    file.write_bytes(content)
    refused = run("audit", "verify", "--checkpoint", str(file))
    assert refused.returncode == 1
    assert str(file) in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_place_that_cannot_be_written_is_explained(run: Run, tmp_path: Path) -> None:
    refused = run("audit", "checkpoint", "--output", str(tmp_path / "nowhere" / "checkpoint.json"))
    assert refused.returncode == 1
    assert "cannot be written" in refused.stderr
