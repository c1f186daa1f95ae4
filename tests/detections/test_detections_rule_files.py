"""A broken rule file says where and what, never hides the others, and never hangs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormwatch.detections.rulebook.lint import lint
from stormwatch.detections.rulebook.rules import load_rules, read_pack
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.sigma.problems import Severity
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.errors import InvalidInput

GOOD = "words:\n  prompt|contains: harmless phrase\ncondition: words"
OTHER_ID = "0b1f7a5c-7a0a-4d0e-9c57-3f0a0a1f0b11"

FAULTS = {
    "unknown field": ("words:\n  promt|contains: abcdef\ncondition: words", 14, "unknown field 'promt'"),
    "unknown modifier": ("words:\n  prompt|contins: abcdef\ncondition: words", 14, "unknown modifier 'contins'"),
    "who you are": (
        "words:\n  prompt|contains: abcdef\n  country: RU\ncondition: words",
        15,
        "may not ask for 'country'",
    ),
    "catastrophic": ("words:\n  prompt|re: '(a+)+bcd'\ncondition: words", 14, "catastrophic regex"),
    "nested counts": ("words:\n  prompt|re: '((abc{0,90}){0,90}d){0,90}'\ncondition: words", 14, "catastrophic regex"),
    "unbounded gap": ("words:\n  prompt|re: 'abc.*def'\ncondition: words", 14, "gap without a bound"),
    "wildcard gap": ("words:\n  prompt|contains: 'abc*def'\ncondition: words", 14, "gap without a bound"),
    "no anchor": ("words:\n  prompt|re: '[ab]{3}'\ncondition: words", 14, "no literal anchor"),
    "short word": ("words:\n  prompt|contains: ab\ncondition: words", 14, "no literal anchor"),
    "long gaps beside Cyrillic": (
        "words:\n  prompt|re: 'слово.{0,40}дело.{0,40}место'\ncondition: words",
        14,
        "beside letters outside ASCII",
    ),
    "a word class beside Cyrillic": (
        "words:\n  prompt|re: 'слово\\w{1,9}дело'\ncondition: words",
        14,
        "beside letters outside ASCII",
    ),
    "broken regex": ("words:\n  prompt|re: '(abc'\ncondition: words", 14, "no regular expression"),
    "lookaround": ("words:\n  prompt|re: 'abc(?=def)'\ncondition: words", 14, "uses what the scanner does not have"),
    "anchored within": ("words:\n  prompt|re: 'abcd^ef'\ncondition: words", 14, "uses what the scanner does not have"),
    "pure negation": ("words:\n  prompt|contains: abcdef\ncondition: not words", 15, "a pure negation"),
    "undefined selection": ("words:\n  prompt|contains: abcdef\ncondition: words or more", 15, "not defined"),
    "a short word without a field": ("words: ab\ncondition: words", 13, "no literal anchor"),
    "a regular expression that is none": ("words:\n  prompt|re: 5\ncondition: words", 14, "is no text"),
    "nothing to look for": ("words:\n  prompt: null\ncondition: words", 15, "a pure negation"),
    "lookaround on a field of the event": (
        "words:\n  prompt|contains: abcdef\n  user_agent|re: '(?=a)b'\ncondition: words",
        12,
        "the scanner cannot take",
    ),
    "a field's expression that grows": (
        "words:\n  prompt|contains: abcdef\n  user_agent|re: '((a{1,90}){1,90}b){1,90}'\ncondition: words",
        15,
        "catastrophic regex",
    ),
    "a comparison with words": (
        "words:\n  prompt|contains: abcdef\n  tool_calls|gte: many\ncondition: words",
        15,
        "incompatible to value type",
    ),
    "a condition of a YAML word": ("words:\n  prompt|contains: abcdef\ncondition: no", 15, "the condition is no text"),
    "no end of negations": (
        f"words:\n  prompt|contains: abcdef\ncondition: words and {'not ' * 5000}words",
        12,
        "recursion",
    ),
    "condition of a YAML word": ("off:\n  prompt|contains: abcdef\ncondition: off", 15, "the condition is no text"),
}


@pytest.mark.parametrize(("detection", "line", "what"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_file_and_line_and_the_other_rules_are_read(
    tmp_path: Path, rule_text: Callable[..., str], detection: str, line: int, what: str
) -> None:
    (tmp_path / "bad.yml").write_text(rule_text(detection), encoding="utf-8")
    (tmp_path / "good.yml").write_text(rule_text(GOOD, rule_id=OTHER_ID), encoding="utf-8")
    pack = read_pack([tmp_path])
    assert [rule.rule_id for rule in pack.rules] == [OTHER_ID]
    problem = pack.errors[0]
    assert what in problem.what
    assert problem.where == f"{tmp_path / 'bad.yml'}:{line}"
    with pytest.raises(InvalidInput, match=r"bad\.yml:"):
        load_rules([tmp_path])


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("title: [\nid: x\n", 3, "broken YAML"),
        ("title: a\n\tid: b\n", 2, "broken YAML"),
        ("title: a\ntitle: b\n", 2, "stands twice"),
        ("a: &x [1]\nb: *x\n", 2, "aliases"),
        ("- just\n- a list\n", 1, "a rule is a mapping"),
        ("", None, "the file is empty"),
    ],
)
def test_what_is_no_rule_says_so(tmp_path: Path, text: str, line: int | None, what: str) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(text, encoding="utf-8")
    [problem] = read_pack([path]).problems
    assert what in problem.what
    assert problem.line == line


def test_bytes_that_are_no_utf8_are_a_problem_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_bytes(b"title: \xff\xfe\n")
    assert "cannot be read" in read_pack([tmp_path]).problems[0].what


def test_nested_aliases_do_not_expand(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    (tmp_path / "bomb.yml").write_text("\n".join(lines), encoding="utf-8")
    assert "aliases" in read_pack([tmp_path]).problems[0].what


def test_an_id_belongs_to_one_rule(tmp_path: Path, rule_text: Callable[..., str]) -> None:
    (tmp_path / "a.yml").write_text(rule_text(GOOD), encoding="utf-8")
    (tmp_path / "b.yml").write_text(rule_text(GOOD), encoding="utf-8")
    pack = read_pack([tmp_path])
    assert len(pack.rules) == 1
    assert "is taken by" in pack.problems[0].what
    assert pack.problems[0].path.name == "b.yml"


def test_a_missing_or_unknown_key_is_named(tmp_path: Path, rule_text: Callable[..., str]) -> None:
    text = rule_text(GOOD).replace("level: medium\n", "levle: medium\n")
    (tmp_path / "a.yml").write_text(text, encoding="utf-8")
    problems = [str(problem) for problem in read_pack([tmp_path]).problems]
    assert any("unknown key 'levle'" in problem for problem in problems)
    assert any("'level' is missing" in problem for problem in problems)


@pytest.mark.parametrize("key", ["references", "author", "description", "date", "status"])
def test_what_only_readers_miss_is_advice_and_the_rule_runs(
    tmp_path: Path, rule_text: Callable[..., str], key: str
) -> None:
    kept = [line for line in rule_text(GOOD).splitlines(keepends=True) if not line.startswith(f"{key}:")]
    (tmp_path / "a.yml").write_text("".join(kept), encoding="utf-8")
    pack = read_pack([tmp_path])
    assert len(load_rules([tmp_path])) == 1
    [advice] = pack.problems
    assert advice.severity is Severity.WARNING
    assert f"'{key}' is missing" in advice.what


@pytest.mark.parametrize("value", ["true", "1.5", "[a]", "{a: b}", "2026-01-01"])
def test_an_id_that_yaml_reads_as_something_else_is_named(
    tmp_path: Path, rule_text: Callable[..., str], value: str
) -> None:
    (tmp_path / "a.yml").write_text(rule_text(GOOD, rule_id=value), encoding="utf-8")
    assert [(problem.line, problem.what) for problem in read_pack([tmp_path]).errors] == [(2, "the id is no text")]


def test_a_fault_that_quotes_a_long_line_stays_a_sentence(tmp_path: Path, rule_text: Callable[..., str]) -> None:
    text = rule_text(GOOD).replace("level: medium", "level: " + "x" * 1_000_000)
    (tmp_path / "a.yml").write_text(text, encoding="utf-8")
    assert all(len(problem.what) < 1000 for problem in read_pack([tmp_path]).problems)


def test_a_pattern_that_the_scanner_refuses_is_found_by_the_linter_and_refused_when_compiled(
    tmp_path: Path, rule_text: Callable[..., str]
) -> None:
    detection = "words:\n  prompt|re|i: 'слово\\bдело'\ncondition: words"
    (tmp_path / "large.yml").write_text(rule_text(detection), encoding="utf-8")
    (tmp_path / "good.yml").write_text(rule_text(GOOD, rule_id=OTHER_ID), encoding="utf-8")
    report = lint([tmp_path])
    assert [checked.rule.rule_id for checked in report.rules] == [OTHER_ID]
    assert any("unsupported in UCP mode" in error.what for error in report.errors)
    with pytest.raises(InvalidInput, match=r"large\.yml:1"):
        RuleSet(load_rules([tmp_path])).patterns_seen("text")


def test_the_version_of_a_rule_is_that_of_its_content(tmp_path: Path, rule_text: Callable[..., str]) -> None:
    def version(text: str) -> str:
        path = tmp_path / "rule.yml"
        path.write_text(text, encoding="utf-8")
        return load_rules([path])[0].rule_version

    first = version(rule_text(GOOD))
    assert version(rule_text(GOOD, title="Another title")) == first
    assert version(rule_text(GOOD.replace("harmless", "other"))) != first
    assert version(rule_text(GOOD, more="shadow: true\n")) != first


_words = st.text(alphabet="abc:-|&*!#%@`'\"[]{}\n\t éя\x00", max_size=40)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_reading_again_judges_only_what_changed(tmp_path: Path, rule_text: Callable[..., str]) -> None:
    changing, other, lists = tmp_path / "a.yml", tmp_path / "b.yml", tmp_path / "placeholders.yml"
    changing.write_text(rule_text(GOOD), encoding="utf-8")
    other.write_text(rule_text("words:\n  prompt|contains|expand: '%things%'\ncondition: words", rule_id=OTHER_ID))
    lists.write_text("things: [first phrase]\n", encoding="utf-8")

    def read() -> dict[str, Rule]:
        return {rule.path.name: rule for rule in load_rules([tmp_path])}

    before, again = read(), read()
    assert all(again[name] is rule for name, rule in before.items())
    changing.write_text(rule_text(GOOD.replace("harmless", "other")), encoding="utf-8")
    after = read()
    assert after["b.yml"] is before["b.yml"]
    assert after["a.yml"].rule_version != before["a.yml"].rule_version
    lists.write_text("things: [second phrase]\n", encoding="utf-8")
    assert read()["b.yml"].rule_version != before["b.yml"].rule_version


@given(_words)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_makes_the_reader_fail(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.yml"
    path.write_text(text, encoding="utf-8")
    read_pack([path])


@given(_values, st.sampled_from(["detection", "tags", "level", "status", "id", "title", "date", "logsource"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_of_a_key_makes_the_reader_fail(
    tmp_path: Path, rule_text: Callable[..., str], value: object, key: str
) -> None:
    import yaml

    document = yaml.safe_load(rule_text(GOOD))
    document[key] = value
    path = tmp_path / "any.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    for problem in read_pack([path]).problems:
        assert problem.what
