"""`stormwatch rules`: checks, tests and lists a pack, for people and as JSON, and explains what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import Called, stormwatch
from stormwatch.detections.rulebook.rule_tests import run_tests
from stormwatch.detections.rulebook.rules import load_rules

DETECTION = "words:\n  prompt|contains: harmless phrase\ncondition: words"
TESTS = "rule: 6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de\nmatch:\n  - why: as written\n    prompt: a Harmless Phrase\n"
OTHER_ID = "1f5d8a0e-2f0c-4b7e-9d5c-7a0d3c3b9a10"
NEAR = "near_miss:\n  - why: another word\n    prompt: a harmless word\n"


@pytest.fixture
def pack(tmp_path: Path, rule_text: Callable[..., str]) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "rule.yml").write_text(rule_text(DETECTION), encoding="utf-8")
    (folder / "rule.tests.yaml").write_text(TESTS + NEAR, encoding="utf-8")
    return folder


Run = Callable[..., Called]


@pytest.fixture
def run(home: Path) -> Run:
    return lambda *arguments: stormwatch("--home", home, "rules", *arguments)


def test_a_clean_pack_passes_with_its_cost(run: Run, pack: Path) -> None:
    checked = run("check", str(pack), "--json")
    assert checked.returncode == 0, checked.stderr
    report = json.loads(checked.stdout)
    assert report["errors"] == 0
    assert report["rules"][0]["microseconds_per_kb"] > 0
    tested = json.loads(run("test", str(pack), "--json").stdout)
    assert tested["rules"][0]["matching"] == tested["rules"][0]["near_misses"] == 1
    assert "A rule" in run("list", str(pack)).stdout


def test_a_broken_rule_ends_in_1_and_the_others_are_still_checked(run: Run, pack: Path) -> None:
    (pack / "broken.yml").write_text("title: [\n", encoding="utf-8")
    checked = run("check", str(pack), "--json")
    report = json.loads(checked.stdout)
    assert checked.returncode == 1
    assert len(report["rules"]) == 1
    assert report["problems"][0]["file"].endswith("broken.yml")
    assert report["problems"][0]["line"]
    assert checked.stderr.count("\n") == 1
    assert "broken.yml:" in checked.stderr
    assert "broken.yml:" in run("test", str(pack)).stderr
    listed = run("list", str(pack))
    assert listed.returncode == 1
    assert listed.stderr.count("\n") == 1
    assert "broken.yml" in listed.stderr


def test_a_path_that_does_not_exist_is_explained(run: Run, tmp_path: Path) -> None:
    answer = run("check", str(tmp_path / "nowhere"))
    assert answer.returncode == 1
    assert "does not exist" in answer.stderr


def test_a_title_with_escapes_shows_as_text(run: Run, pack: Path, rule_text: Callable[..., str]) -> None:
    evil = rule_text(DETECTION).replace("title: A rule", r'title: "evil \e[2J title"')
    (pack / "rule.yml").write_text(evil, encoding="utf-8")
    listed = run("list", str(pack))
    assert "\x1b" not in listed.stdout
    assert r"\x1b[2J" in listed.stdout


FAULTY = [
    (TESTS, "there is no near_miss event"),
    (TESTS + "near_miss:\n  - promt: x\n", "unknown key 'promt'"),
    (TESTS + "near_miss:\n  - why: no text\n", "needs a text"),
    (TESTS + NEAR + "wrong: 1\n", "unknown key 'wrong'"),
    ("rule: another\n", "no document is for the rule"),
    ("match: [\n", "broken YAML"),
]


@pytest.mark.parametrize(("text", "what"), FAULTY)
def test_a_faulty_tests_file_is_explained(pack: Path, text: str, what: str) -> None:
    (pack / "rule.tests.yaml").write_text(text, encoding="utf-8")
    [result] = run_tests(load_rules([pack]))
    assert any(what in problem.what for problem in result.problems)


def test_an_event_that_behaves_otherwise_is_a_failure(pack: Path) -> None:
    (pack / "rule.tests.yaml").write_text(
        TESTS.replace("Harmless Phrase", "word") + NEAR.replace("word", "phrase"), encoding="utf-8"
    )
    [result] = run_tests(load_rules([pack]))
    assert [failure.event.must_hit for failure in result.failures] == [True, False]
    assert "rule.tests.yaml:3" in str(result.failures[0])


def test_a_rule_that_the_scanner_refuses_hides_no_other(pack: Path, rule_text: Callable[..., str]) -> None:
    refused = rule_text("words:\n  prompt|re|i: 'слово\\bдело'\ncondition: words", rule_id=OTHER_ID)
    (pack / "refused.yml").write_text(refused, encoding="utf-8")
    by_name = {result.rule.path.name: result for result in run_tests(load_rules([pack]))}
    assert "the scanner cannot take this rule" in by_name["refused.yml"].problems[0].what
    assert (by_name["rule.yml"].matching, by_name["rule.yml"].failures) == (1, ())


def test_a_rule_is_tried_on_its_own_events_by_its_own_words(pack: Path, rule_text: Callable[..., str]) -> None:
    other = rule_text("words:\n  prompt|contains: another phrase\ncondition: words", rule_id=OTHER_ID)
    (pack / "other.yml").write_text(other, encoding="utf-8")
    missed = TESTS.replace("6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de", OTHER_ID) + NEAR
    (pack / "other.tests.yaml").write_text(missed, encoding="utf-8")
    by_name = {result.rule.path.name: result for result in run_tests(load_rules([pack]))}
    assert [failure.event.must_hit for failure in by_name["other.yml"].failures] == [True]
    assert by_name["rule.yml"].failures == ()


def test_a_rule_without_test_events_is_named_and_can_be_run(run: Run, pack: Path) -> None:
    (pack / "rule.tests.yaml").unlink()
    [result] = run_tests(load_rules([pack]))
    assert "no test events" in result.problems[0].what
    checked = run("check", str(pack))
    assert checked.returncode == 0
    assert "warning: " in checked.stdout
    assert run("test", str(pack)).returncode == 1
