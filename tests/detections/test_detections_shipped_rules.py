"""The shipped pack: clean, tried on its own events, over all techniques of the vocabulary, in several languages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from stormwatch.config import shipped
from stormwatch.detections.rulebook.lint import lint
from stormwatch.detections.rulebook.rule_tests import read_test_events, run_tests
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.sigma.rule import TOPIC_SCORE, Rule

TECHNIQUES = [f"LLM-{number:02}" for number in range(1, 23)]
SCRIPTS = {
    "Cyrillic": ("\u0400", "\u04ff"),
    "Han": ("\u4e00", "\u9fff"),
    "Arabic": ("\u0600", "\u06ff"),
    "Hangul": ("\uac00", "\ud7a3"),
}


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    return load_rules([shipped("rules")])


@pytest.mark.long
def test_the_linter_finds_nothing() -> None:
    report = lint([shipped("rules")])
    assert [str(problem) for problem in report.errors] == []
    assert all(checked.cost.database_bytes > 0 for checked in report.rules)


@pytest.mark.long
def test_every_rule_does_what_the_events_beside_it_say(rules: tuple[Rule, ...]) -> None:
    results = run_tests(rules, kept_in=Path(os.environ["STORMWATCH_COMPILED_RULES"]))
    assert [str(failure) for result in results for failure in result.failures] == []
    assert [str(problem) for result in results for problem in result.problems] == []
    assert all(result.matching and result.near_misses for result in results)


def test_there_are_rules_for_each_technique(rules: tuple[Rule, ...]) -> None:
    assert len(rules) >= 60
    covered = {technique for rule in rules for technique in rule.techniques}
    assert [technique for technique in TECHNIQUES if technique not in covered] == []


def test_impersonation_has_rules_of_its_own(rules: tuple[Rule, ...]) -> None:
    posing = {
        rule.path.stem.removesuffix("-impersonated") for rule in rules if rule.path.stem.endswith("-impersonated")
    }
    whom = {"authority", "conference-invitation", "executive", "it-support", "journalist", "organisation", "recruiter"}
    assert whom <= posing
    assert "think-tank" in posing


def test_every_topic_of_the_shipped_profiles_has_a_rule(rules: tuple[Rule, ...]) -> None:
    profiles = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in shipped("profiles").glob("*.yaml")]
    wanted = {topic for profile in profiles for topic in profile["topics"]["values"]}
    assert wanted - {rule.topic for rule in rules} == set()


@pytest.mark.parametrize("script", SCRIPTS)
def test_several_languages_have_matching_events(rules: tuple[Rule, ...], script: str) -> None:
    low, high = SCRIPTS[script]
    with_script = [
        rule
        for rule in rules
        if any(
            event.must_hit and any(low <= character <= high for character in event.text.prompt)
            for event in read_test_events(rule)[0]
        )
    ]
    assert len(with_script) >= 3


def test_a_topic_says_less_than_any_conduct(rules: tuple[Rule, ...]) -> None:
    topical = [rule for rule in rules if rule.topic]
    conduct = [rule for rule in rules if not rule.topic]
    assert {"satellite-communications", "radar-imaging", "intelligence-agencies"} <= {rule.topic for rule in topical}
    assert all(rule.score == TOPIC_SCORE for rule in topical)
    assert all(rule.score >= TOPIC_SCORE for rule in conduct)


def test_every_rule_cites_a_public_source_and_says_who_is_hit_innocently(rules: tuple[Rule, ...]) -> None:
    assert all(rule.references and all(ref.startswith("https://") for ref in rule.references) for rule in rules)
    assert all(rule.falsepositives for rule in rules)
