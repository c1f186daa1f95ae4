"""An operator's rules are compiled apart from the shipped ones, and what is found is as if all were one set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormwatch.config import shipped
from stormwatch.detections.rulebook import compiled, pattern_scans
from stormwatch.detections.rulebook.rule_tests import read_test_events
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.sigma.patterns import Pattern
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.event import EventText, Message

SHIPPED, OWN = Path("/shipped"), Path("/own")
DETECTIONS = (
    "a: {prompt|contains: keylogger}\ncondition: a",
    "a: {prompt|contains: keylogger}\nb: {response|contains: screenshot}\ncondition: a and b",
    "a: {prompt|contains: [screenshot, пароль]}\nb: {prompt|contains: invoice}\ncondition: a and not b",
    "a: {prompt|re|i: '\\bsteal.{0,20}invoice\\b'}\ncondition: a",
    "a: {prompt|startswith: invoice}\nb: {response|endswith: invoice}\ncondition: 1 of them",
    "a: {user_agent|contains: odd}\nb: {prompt|contains: пароль}\ncondition: a or b",
)
WORDS = ("keylogger", "k e y l o g g e r", "kеylogger", "screenshot", "пароль", "invoice", "steal", "the")
TEXTS = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)


@pytest.fixture
def shipped_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies below SHIPPED counts as shipped."""
    monkeypatch.setattr(pattern_scans, "shipped", lambda _folder: SHIPPED)


def placed(rule: Rule, number: int, folder: Path) -> Rule:
    return replace(rule, rule_id=f"rule-{number}", rule_version=f"version-{number}", path=folder / f"{number}.yml")


def found(rules: RuleSet, text: EventText, agent: str) -> list[tuple[object, ...]]:
    hits = rules.scan(text, {"user_agent": agent})
    return [(hit.rule.rule_id, hit.fields, hit.disguise) for hit in hits]


@pytest.mark.usefixtures("shipped_here")
def test_rules_in_two_parts_find_what_they_find_in_one(make_rule: Callable[..., Rule]) -> None:
    made = [make_rule(detection) for detection in DETECTIONS]
    whole = RuleSet([placed(rule, number, OWN) for number, rule in enumerate(made)])
    splits: dict[tuple[bool, ...], RuleSet] = {}

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.tuples(*[st.booleans() for _ in made]), TEXTS, TEXTS, st.sampled_from(("odd", "plain")))
    def same_hits(ships: tuple[bool, ...], prompt: str, response: str, agent: str) -> None:
        if ships not in splits:
            rules = [placed(rule, n, SHIPPED if ships[n] else OWN) for n, rule in enumerate(made)]
            splits[ships] = RuleSet(rules)
        text = EventText("event", (Message("user", prompt),), (Message("assistant", response),))
        assert found(splits[ships], text, agent) == found(whole, text, agent)

    same_hits()


def test_shipped_rules_split_by_folder_find_what_they_find_together(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shipped("rules")
    rules = load_rules([folder / "agents", folder / "evasion"])
    monkeypatch.setattr(pattern_scans, "shipped", lambda _folder: folder / "agents")
    apart = RuleSet(rules)
    assert len(pattern_scans.parts_of(rules)) == 2
    monkeypatch.setattr(pattern_scans, "shipped", lambda _folder: SHIPPED)
    together = RuleSet(rules)
    assert len(pattern_scans.parts_of(rules)) == 1
    hits = 0
    for event in (event for rule in rules for event in read_test_events(rule)[0]):
        expected = found(together, event.text, "plain")
        assert found(apart, event.text, "plain") == expected
        hits += len(expected)
    assert hits >= len(rules) // 2


def test_the_shipped_rules_alone_are_one_part() -> None:
    rules = load_rules([shipped("rules")])
    (part,) = pattern_scans.parts_of(rules)
    assert part == RuleSet(rules).patterns


@pytest.mark.usefixtures("shipped_here")
def test_a_rule_of_ones_own_leaves_the_shipped_ones_compiled(
    make_rule: Callable[..., Rule], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ships = [placed(make_rule(detection), number, SHIPPED) for number, detection in enumerate(DETECTIONS[:5])]
    RuleSet(ships, kept_in=tmp_path / "kept").size_bytes()
    compiled_now: list[Pattern] = []
    plain = compiled.compile_patterns
    monkeypatch.setattr(compiled, "compile_patterns", lambda made: (compiled_now.extend(made), plain(made))[1])
    own = placed(make_rule("a: {prompt|contains: [keylogger, torrent]}\ncondition: a"), 9, OWN)
    RuleSet([*ships, own], kept_in=tmp_path / "kept").size_bytes()
    assert [pattern.source for pattern in compiled_now] == ["torrent"]


def test_a_filter_of_ones_own_leaves_the_shipped_ones_compiled(
    tmp_path: Path, rule_text: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "rule.yml").write_text(rule_text(DETECTIONS[0]), encoding="utf-8")
    plain = load_rules([tmp_path / "shipped"])
    (tmp_path / "own.yml").write_text(FILTER.format(rule_id=plain[0].rule_id), encoding="utf-8")
    monkeypatch.setattr(pattern_scans, "shipped", lambda _folder: tmp_path / "shipped")
    narrowed = load_rules([tmp_path / "shipped", tmp_path / "own.yml"])
    assert narrowed[0].filters
    first, second = pattern_scans.parts_of(narrowed)
    assert (first,) == pattern_scans.parts_of(plain)
    assert [pattern.source for pattern in second] == ["homework"]


FILTER = """\
title: Homework is innocent
id: 0d4b6b1e-3c3e-4d52-9c55-0a4f5d1c2b3a
logsource: {{category: llm}}
filter:
  rules: ["{rule_id}"]
  homework: {{prompt|contains: homework}}
  condition: not homework
"""
