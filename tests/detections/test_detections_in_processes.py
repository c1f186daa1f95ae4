"""Scanning in several processes finds what one finds, and refuses rules that changed under it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stormwatch.detections import run
from stormwatch.detections.segment_scanner import RuleSource, load_ruleset
from stormwatch.model.errors import Conflict
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

WORDS = ("alpha", "beta", "nothing of interest", "it answers at 203.0.113.77 only")


@pytest.fixture
def folder(tmp_path: Path, rule_text: Callable[..., str]) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    for number, word in enumerate(("alpha", "beta")):
        detection = f"words:\n  prompt|contains: {word}\ncondition: words"
        rule_id = f"{number}0000000-0000-4000-8000-000000000000"
        (made / f"{word}.yml").write_text(rule_text(detection, rule_id=rule_id, title=word), encoding="utf-8")
    return made


def found(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    return {
        table: sorted(lake.read(table).to_pylist(), key=repr)
        for table in ("detections", "observables", "fingerprints", "request_shapes")
    }


def test_two_processes_find_what_one_finds(
    lake: Lake,
    keyring: Keyring,
    folder: Path,
    event: Callable[..., Any],
    add_segment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "_WORTH_PROCESSES", 1)
    ruleset = load_ruleset([folder], None)
    source = RuleSource((folder,), None, ruleset.version)
    for segment in range(3):
        add_segment(f"s{segment}", [event(n, WORDS[n % 4], event_id=f"s{segment}-{n}") for n in range(40)])
    seen = []
    for processes in (1, 2):
        report = run.detect(lake, keyring, ruleset, [], full=True, rule_source=source, processes=processes)
        assert report.events_scanned == 120
        seen.append(found(lake))
    assert seen[0] == seen[1]
    assert len(seen[0]["detections"]) == 60
    assert len(seen[0]["observables"]) >= 30


def test_rules_that_changed_meanwhile_are_refused(
    lake: Lake,
    keyring: Keyring,
    folder: Path,
    event: Callable[..., Any],
    add_segment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "_WORTH_PROCESSES", 1)
    ruleset = load_ruleset([folder], None)
    add_segment("s", [event(1, "alpha")])
    (folder / "beta.yml").unlink()
    source = RuleSource((folder,), None, ruleset.version)
    with pytest.raises(Conflict, match="changed"):
        run.detect(lake, keyring, ruleset, [], rule_source=source, processes=2)
    assert lake.files("detections") == ()
