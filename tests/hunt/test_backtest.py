"""`rules backtest` says what a rule would do to history and writes nothing; a rule in shadow never counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from command_line import Called, stormwatch
from home_making import new_home
from stormwatch.cases.outcomes import Outcome, record_outcomes
from stormwatch.cli import rules_backtest
from stormwatch.config import shipped
from stormwatch.events.ingest import ingest_file
from stormwatch.hunt import knowledge
from stormwatch.model.times import MINUTE, format_rfc3339, parse_rfc3339
from stormwatch.runtime import Runtime

START = parse_rfc3339("2026-03-02T00:00:00Z")
RULE_ID, OTHER_ID, COUNT_ID = (f"{number}e000000-0000-4000-8000-000000000000" for number in range(3))
RULE = """\
title: {title}
id: {rule_id}
status: test
description: Made for this test.
author: The Stormwatch authors
references: [https://example.org/]
date: 2026-11-23
tags: [llm.07]
logsource: {{category: llm}}
detection:
  words: {{prompt|contains: {word}}}
  condition: words
falsepositives: [gardeners]
level: medium
{more}"""
COUNT = """\
---
title: Violets again and again
id: {rule_id}
tags: [llm.09]
falsepositives: [gardeners]
level: high
correlation:
  type: event_count
  rules: [{member}]
  group-by: account_id
  timespan: 10m
  generate: true
  condition: {{gte: 2}}
"""


def events() -> list[dict[str, Any]]:
    """Twelve accounts of five requests; some speak of violets, some of purple tulips."""
    made = []
    for account in range(12):
        for turn in range(5):
            word = "violets" if account < 3 and turn < 2 + account else "tulips" if account == 5 else "bread"
            made.append(
                {
                    "event_id": f"ev-{account}-{turn}",
                    "time": format_rfc3339(START + turn * MINUTE),
                    "account_id": f"acct-{account}",
                    "input": [{"role": "user", "content": f"Tell me about purple {word}, please."}],
                }
            )
    return made


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    monkeypatch.setenv("STORMWATCH_RULES", json.dumps([str(folder)]))
    # Compiling the shipped rules takes a second each time and says nothing here.
    for module in (rules_backtest, knowledge):
        monkeypatch.setattr(module, "shipped", lambda name: folder if name == "rules" else shipped(name))
    return folder


@pytest.fixture
def provider(home: Path, tmp_path: Path, installed: Path) -> Runtime:
    runtime = new_home(home)
    records = [{"account_id": "acct-1", "verified_researcher": True}, {"account_id": "acct-3"}]
    for name, lines in (("records", records), ("events", events())):
        path = tmp_path / f"{name}.ndjson"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        assert ingest_file(runtime.events, path, collector="test").rejected == 0
    runtime.events.compact()
    with runtime.database.write() as connection:
        record_outcomes(connection, ["acct-2"], "case-1", Outcome.CLEARED, START)
    return runtime


@pytest.fixture
def try_rule(home: Path, provider: Runtime, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def run(text: str, *options: str) -> dict[str, Any]:
        path = tmp_path / "tried.yml"
        path.write_text(text, encoding="utf-8")
        before = provider.lake.manifest().version
        called = stormwatch("--home", home, "rules", "backtest", path, "--json", *options)
        assert called.returncode == 0, called.stderr
        assert provider.lake.manifest().version == before
        answer: dict[str, Any] = json.loads(called.stdout)
        return answer

    return run


def rule(word: str = "violets", *, rule_id: str = RULE_ID, more: str = "") -> str:
    return RULE.format(title=f"About {word}", rule_id=rule_id, word=word, more=more)


def test_a_new_rule_over_history(try_rule: Callable[..., dict[str, Any]]) -> None:
    answer = try_rule(rule())
    assert (answer["events"], answer["accounts"], answer["events_without_text"]) == (60, 12, 0)
    [found] = answer["rules"]
    assert (found["events_hit"], found["accounts_hit"]) == (9, 3)
    assert found["share_of_events"] == 0.15
    assert found["in_force"] is None
    benign = {one["account_id"]: one["known_benign"] for one in found["accounts"]}
    assert benign == {"acct-0": None, "acct-1": "verified researcher", "acct-2": "cleared"}
    assert found["known_benign_accounts"] == 2
    assert set(found["examples"]) <= {event["event_id"] for event in events()}
    assert "purple" not in json.dumps(answer)
    assert found["cost"]["alone"] > 0
    assert found["cost"]["whole_set"] > 0
    assert "shadow: true" in found["advice"]


def test_a_window_of_time(try_rule: Callable[..., dict[str, Any]]) -> None:
    answer = try_rule(rule(), "--since", "2026-03-02T00:01:00Z", "--until", "2026-03-02T00:03:00Z")
    assert answer["events"] == 24
    assert answer["rules"][0]["events_hit"] == 5


def test_against_the_version_in_force(try_rule: Callable[..., dict[str, Any]], installed: Path) -> None:
    (installed / "old.yml").write_text(rule("tulips"), encoding="utf-8")
    [found] = try_rule(rule("'[violets, tulips]'".strip("'")))["rules"]
    compared = found["in_force"]
    assert compared["found_by"] == "installed"
    assert (compared["events"], compared["gained"], compared["lost"], compared["same"]) == (5, 9, 0, 5)
    assert (compared["accounts_gained"], compared["accounts_lost"]) == (3, 0)
    [other] = try_rule(rule())["rules"]
    assert (other["in_force"]["lost"], other["in_force"]["accounts_lost"]) == (5, 1)


def test_an_installed_file_that_was_edited_is_held_against_what_the_last_hunt_recorded(
    home: Path, provider: Runtime, installed: Path
) -> None:
    path = installed / "rule.yml"
    path.write_text(rule("tulips"), encoding="utf-8")
    provider.hunt()
    path.write_text(rule(), encoding="utf-8")
    [found] = json.loads(stormwatch("--home", home, "rules", "backtest", path, "--json").stdout)["rules"]
    assert found["in_force"]["found_by"] == "recorded by the last hunt"
    assert (found["in_force"]["gained"], found["in_force"]["lost"]) == (9, 5)


def test_a_correlation_and_its_rules_in_one_file(try_rule: Callable[..., dict[str, Any]]) -> None:
    answer = try_rule(rule() + COUNT.format(rule_id=COUNT_ID, member=RULE_ID))
    by_id = {one["rule_id"]: one for one in answer["rules"]}
    assert by_id[RULE_ID]["events_hit"] == 9
    assert (by_id[COUNT_ID]["kind"], by_id[COUNT_ID]["events_hit"]) == ("correlation", 3)
    assert by_id[COUNT_ID]["examples"] == ["ev-0-1", "ev-1-1", "ev-2-1"]


def test_a_filter_is_tried_through_the_rules_that_it_narrows(
    try_rule: Callable[..., dict[str, Any]], installed: Path
) -> None:
    (installed / "old.yml").write_text(rule(), encoding="utf-8")
    filtering = (
        f"title: Not these\nid: {OTHER_ID}\nlogsource: {{category: llm}}\n"
        f"filter:\n  rules: [{RULE_ID}]\n  early: {{time|minute: 0}}\n  condition: not early\n"
    )
    [found] = try_rule(filtering)["rules"]
    assert found["rule_id"] == RULE_ID
    assert (found["events_hit"], found["in_force"]["lost"]) == (6, 3)


def test_the_prose_and_what_cannot_be_tried(home: Path, provider: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "tried.yml"

    def told(text: str) -> Called:
        path.write_text(text, encoding="utf-8")
        return stormwatch("--home", home, "rules", "backtest", path)

    good = told(rule())
    assert "hits 9 events (15.00%) of 3 accounts (25.00%), 2 of them known to be benign" in good.stdout
    broken = told(rule().replace("prompt|contains", "country"))
    assert broken.returncode == 1
    assert f"{path}:11" in broken.stderr
    assert told("title: x\n").returncode == 1
    missing = stormwatch("--home", home, "rules", "backtest", tmp_path / "nowhere.yml")
    assert missing.returncode == 1
    assert "does not exist" in missing.stderr
    assert provider.lake.files("detections") == ()


def exported(home: Path, folder: Path) -> Sequence[dict[str, Any]]:
    path = folder / "detections.ndjson"
    assert stormwatch("--home", home, "export", "detections", "--output", path).returncode == 0
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_is_in_shadow_is_recorded_and_counts_for_nothing_until_its_file_says_otherwise(
    home: Path, provider: Runtime, installed: Path, tmp_path: Path
) -> None:
    path = installed / "rules.yml"
    shadowed = rule(more="shadow: true\n") + COUNT.format(rule_id=COUNT_ID, member=RULE_ID)
    path.write_text(shadowed, encoding="utf-8")
    provider.hunt()
    recorded = provider.lake.read("detections").to_pylist()
    assert [(row["kind"], row["shadow"]) for row in recorded].count(("rule", True)) == 9
    assert [(row["kind"], row["shadow"]) for row in recorded].count(("correlation", True)) == 3
    assert exported(home, tmp_path) == []
    evidence = provider.lake.read("account_evidence").to_pylist()
    listed = json.loads(stormwatch("--home", home, "rules", "list", path, "--json").stdout)
    assert listed["rules"][0]["declared_shadow"] is True
    assert listed["correlations"][0]["shadow"] is True
    assert "shadow" in stormwatch("--home", home, "rules", "list", path).stdout

    path.write_text(shadowed.replace("shadow: true\n", ""), encoding="utf-8")
    provider.hunt()
    told = exported(home, tmp_path)
    assert {row["rule_id"] for row in told} == {RULE_ID, COUNT_ID}
    assert len(told) == 12
    # ADR 0007: also out of shadow, what an account asks about is no evidence by itself.
    assert provider.lake.read("account_evidence").to_pylist() == evidence


def test_a_hunt_over_correlations_is_the_same_in_full(home: Path, provider: Runtime, installed: Path) -> None:
    text = rule() + COUNT.format(rule_id=COUNT_ID, member=RULE_ID)
    (installed / "rules.yml").write_text(text, encoding="utf-8")

    def found() -> list[dict[str, Any]]:
        return sorted(provider.lake.read("detections").to_pylist(), key=repr)

    provider.hunt()
    first = found()
    provider.hunt()
    assert found() == first
    provider.hunt(full=True)
    assert found() == first
    assert sum(row["kind"] == "correlation" for row in first) == 3
