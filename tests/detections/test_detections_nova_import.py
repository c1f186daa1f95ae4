"""NOVA rules become rules of ours where they mean something without a model, and say what was left out where not."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from command_line import stormwatch
from stormwatch.detections.nova.nova import NovaProblem, NovaRule, read_nova
from stormwatch.detections.nova.nova_conditions import reduce_condition
from stormwatch.detections.nova.nova_import import ImportedRule, import_nova
from stormwatch.detections.rulebook.rules import load_rules
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.model.event import EventText, Message

RULE = """\
// made up for this test
rule GardenTools
{{
    meta:
        description = "Asks for tools of a garden"
        author = "The Stormwatch authors"
        severity = "medium"
        date = "2026-03-01"
    keywords:
        $spade = "silver spade"
        $rake = "Iron Rake" case:true
        $path = "C:\\tools\\*"
        $hose = /green\\s+hose.*pipe/i
        $twine = /Twine$/
    semantics:
        $plant = "how to plant (quickly)" (0.3)
    llm:
        $checks = "Does this ask for tools?" (0.5)
    condition:
        {condition}
}}
"""


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., ImportedRule]:
    def run(condition: str) -> ImportedRule:
        path = tmp_path / "garden.nov"
        path.write_text(RULE.format(condition=condition), encoding="utf-8")
        [result] = import_nova([path], tmp_path / "out", ["llm.05"])
        return result

    return run


def fires(result: ImportedRule, prompt: str) -> bool:
    assert result.written is not None, result.reason
    [rule] = load_rules([result.written])
    return bool(RuleSet([rule]).scan(EventText("e", (Message("user", prompt),)), {}))


CONDITIONS = [
    ("any of keywords.*", "a SILVER spade", True),
    ("any of keywords.*", "an iron rake", False),
    ("any of keywords.*", "an Iron Rake", True),
    ("keywords.*", r"look in c:\tools\* now", True),
    ("keywords.$path", r"look in C:\tools\saw", False),
    ("keywords.$hose", "a GREEN hose and a pipe", True),
    ("keywords.$twine", "a roll of Twine", True),
    ("keywords.$twine", "Twine on a roll", False),
    ("2 of keywords.*", "silver spade, Iron Rake", True),
    ("2 of keywords.*", "silver spade", False),
    ("all of ($ra*)", "Iron Rake", True),
    ("any of (keywords.$s*) and not keywords.$rake", "silver spade", True),
    ("any of (keywords.$s*) and not keywords.$rake", "silver spade, Iron Rake", False),
    ("$spade or semantics.$plant or any of llm.*", "silver spade", True),
    ("(keywords.$spade and keywords.$rake) or (keywords.$hose and llm.$checks)", "silver spade, Iron Rake", True),
    ("(keywords.$spade and keywords.$rake) or (keywords.$hose and llm.$checks)", "green hose pipe", False),
]


@pytest.mark.parametrize(("condition", "prompt", "expected"), CONDITIONS)
def test_keywords_and_conditions_mean_what_they_meant(
    imported: Callable[..., ImportedRule], condition: str, prompt: str, *, expected: bool
) -> None:
    assert fires(imported(condition), prompt) is expected


def test_an_imported_rule_starts_in_shadow_with_what_its_author_said(imported: Callable[..., ImportedRule]) -> None:
    result = imported("any of keywords.*")
    assert result.written is not None
    [rule] = load_rules([result.written])
    assert (rule.title, rule.level, rule.shadow, rule.techniques) == ("GardenTools", "medium", True, ("LLM-05",))
    assert result.notes == ("$hose: repeats without an end now end at 200",)
    again = imported("any of keywords.*")
    assert load_rules([again.written or Path()])[0].rule_id == rule.rule_id


LEFT_OUT = [
    ("any of keywords.* or llm.$checks", ("llm.$checks",), None),
    ("any of keywords.* and semantics.*", ("semantics.$plant",), "it could never fire"),
    ("all of llm.*", ("llm.$checks",), "it could never fire"),
    ("keywords.$spade or not semantics.$plant", ("semantics.$plant",), "it would fire on every prompt"),
    ("not keywords.$spade or llm.$checks", ("llm.$checks",), "a pure negation"),
]


@pytest.mark.parametrize(("condition", "left_out", "reason"), LEFT_OUT)
def test_what_needs_a_model_is_left_out_by_name_and_what_is_senseless_without_it_is_refused(
    imported: Callable[..., ImportedRule], condition: str, left_out: tuple[str, ...], reason: str | None
) -> None:
    result = imported(condition)
    assert result.left_out == left_out
    assert (result.written is None) is (reason is not None)
    if reason:
        assert reason in (result.reason or "")


def test_a_guard_that_is_lost_makes_the_rule_broader_and_it_says_so(imported: Callable[..., ImportedRule]) -> None:
    result = imported("keywords.$spade and not llm.$checks")
    assert result.written is not None
    assert any("broader than the original: llm.$checks" in note for note in result.notes)


BROKEN = [
    ("rule A\n{\n  keywords:\n    $a = alpha\n  condition:\n    $a\n}\n", 4, "neither quoted nor an expression"),
    ('rule A\n{\n  keywords:\n    $a = "alpha"\n  condition:\n    $b\n}\n', 6, "is not defined"),
    ('rule A\n{\n  keywords:\n    $a = "alpha"\n  condition:\n    $a and\n}\n', 6, "ends too early"),
    ('rule A\n{\n  keywords:\n    $a = "alpha"\n  condition:\n    ($a\n}\n', 6, "a bracket is not closed"),
    ('rule A\n{\n  keywords:\n    $a = "alpha"\n    $a = "beta"\n  condition:\n    $a\n}\n', 5, "stands twice"),
    ('rule A\n{\n  keywords:\n    $a = "alpha"\n}\n', 1, "no condition"),
    ('rule A\n{\n  keywords:\n    $a = "alpha"\n  condition:\n    $a\n', 1, "not closed"),
    ('rule A\n{\n  keywords:\n    $a = "ab"\n  condition:\n    $a\n}\n', 1, "no literal anchor"),
    ("rule A\n{\n  keywords:\n    $a = /alpha(?=b)/\n  condition:\n    $a\n}\n", 1, "does not have"),
    ("hello\n", 1, "a rule begins with"),
    ("", None, "holds no rule"),
]


@pytest.mark.parametrize(("text", "line", "what"), BROKEN)
def test_what_cannot_be_imported_is_located_and_the_next_rule_is_read(
    tmp_path: Path, text: str, line: int | None, what: str
) -> None:
    good = 'rule Good\n{\n  keywords:\n    $a = "alpha"\n  condition:\n    $a\n}\n' if text.startswith("rule") else ""
    path = tmp_path / "a.nov"
    path.write_text(text + good, encoding="utf-8")
    results = import_nova([path], tmp_path / "out", [])
    assert what in (results[0].reason or "")
    assert results[0].where == (f"{path}:{line}" if line else str(path))
    assert all(one.written for one in results[1:])
    assert len(results) == 1 + bool(good)


def test_the_command_says_what_it_made(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "garden.nov"
    path.write_text(RULE.format(condition="any of keywords.* or llm.$checks"), encoding="utf-8")
    arguments = ("--home", home, "rules", "import-nova", path, "--output", tmp_path / "out", "--tag", "llm.05")
    told = stormwatch(*arguments)
    assert told.returncode == 0, told.stderr
    assert "left out, because they need a model: llm.$checks" in told.stdout
    answer: dict[str, Any] = json.loads(stormwatch(*arguments, "--json").stdout)
    assert (answer["written"], answer["refused"]) == (1, 0)
    path.write_text(RULE.format(condition="all of llm.*"), encoding="utf-8")
    refused = stormwatch(*arguments)
    assert refused.returncode == 1
    assert "garden.nov:2" in refused.stderr


_conditions = st.text(alphabet="andortkeywsl.*$() 2fy", max_size=40)


@given(_conditions, st.text(max_size=30))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_makes_the_reader_fail(tmp_path: Path, condition: str, noise: str) -> None:
    for item in read_nova(tmp_path / "a.nov", RULE.format(condition=condition) + noise):
        if isinstance(item, NovaRule):
            with suppress(NovaProblem):
                reduce_condition(item)
