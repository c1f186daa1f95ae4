"""Scanning in several processes finds what one finds, by the rules as they were read."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stormwatch.config import shipped
from stormwatch.detections import run
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.segment_scanner import load_ruleset
from stormwatch.detections.sigma.conditions import AllOf
from stormwatch.detections.sigma.rule import Rule
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
    for segment in range(3):
        add_segment(f"s{segment}", [event(n, WORDS[n % 4], event_id=f"s{segment}-{n}") for n in range(40)])
    seen = []
    for processes in (1, 2):
        report = run.detect(lake, keyring, ruleset, [], full=True, processes=processes)
        assert report.events_scanned == 120
        seen.append(found(lake))
    assert seen[0] == seen[1]
    assert len(seen[0]["detections"]) == 60
    assert len(seen[0]["observables"]) >= 30


def test_rules_whose_files_changed_meanwhile_are_those_that_were_read(
    lake: Lake,
    keyring: Keyring,
    folder: Path,
    event: Callable[..., Any],
    add_segment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "_WORTH_PROCESSES", 1)
    ruleset = load_ruleset([folder], None)
    add_segment("s", [event(1, "alpha"), event(2, "beta")])
    (folder / "beta.yml").unlink()
    assert run.detect(lake, keyring, ruleset, [], processes=2).rule_hits == 2
    assert {row["rule_version"] for row in lake.read("detections").to_pylist()} == ruleset.versions


def test_the_shipped_rules_hold_the_same_conditions_after_they_were_sent() -> None:
    rules = load_rules([shipped("rules")])
    assert pickle.loads(pickle.dumps(rules)) == rules


@pytest.mark.parametrize(
    "item",
    [
        "model|contains: small",
        "model|re: '^m-[a-z]{2,9}$'",
        "model|exists: true",
        "error_type: null",
        "refused: true",
        "input_tokens|gte: 5",
        "source_ip|cidr: 203.0.113.0/24",
        "time|month: 3",
        "provider|fieldref: model",
    ],
)
def test_a_test_of_any_kind_answers_after_it_was_sent_as_before(make_rule: Callable[..., Rule], item: str) -> None:
    events: tuple[dict[str, Any], ...] = (
        {
            "model": "m-small",
            "provider": "m-small",
            "refused": True,
            "input_tokens": 9,
            "source_ip": "203.0.113.7",
            "time": 1_772_323_200_000_000,
        },
        {"model": "other", "provider": "x", "error_type": "e", "refused": False, "input_tokens": 1, "source_ip": "x"},
        {},
    )
    condition = make_rule(
        f"words: {{prompt|contains: alpha}}\nfields: {{{item}}}\ncondition: words and fields"
    ).condition
    assert isinstance(condition, AllOf)
    sent = pickle.loads(pickle.dumps(condition))
    for event in events:
        before = [part.holds({}, event) for part in condition.parts]
        assert [part.holds({}, event) for part in sent.parts] == before
