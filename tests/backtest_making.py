"""Backtests that tests can wait for: over few rules, or by a process that says how far it is and then nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormwatch.config import shipped
from stormwatch.console import backtest_jobs, rule_list

STILL = """
import sys, time
sys.stdin.readline()
print('{"step": "history", "done": 3, "total": 8}', flush=True)
time.sleep(600)
"""


@pytest.fixture
def few_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped rules are few: to read and compile all takes seconds of a process and says nothing here."""
    folder = tmp_path / "few-rules"
    folder.mkdir()
    for name in ("attack-commands-in-tool-calls.yml", "attack-commands-in-tool-calls.tests.yaml"):
        (folder / name).write_bytes((shipped("rules") / "agents" / name).read_bytes())
    monkeypatch.setattr(rule_list, "shipped", lambda name: folder if name == "rules" else shipped(name))
    return folder


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest_jobs, "_PROGRAM", STILL)
