"""A compiled rule set is kept and used again, and nothing that happens to the file changes what is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stormwatch.detections.rulebook import compiled as module
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.event import EventText

DETECTION = "words: {prompt|contains: keylogger}\ncondition: words"


@pytest.fixture
def rule(make_rule: Callable[..., Rule]) -> Rule:
    return make_rule(DETECTION)


def hits(rule: Rule, folder: Path | None, said: Callable[..., EventText]) -> int:
    return len(RuleSet([rule], kept_in=folder).scan(said("a keylogger"), {}))


def test_the_second_run_loads_what_the_first_compiled(
    rule: Rule, tmp_path: Path, said: Callable[..., EventText], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hits(rule, tmp_path / "kept", said) == 1
    monkeypatch.setattr(module, "compile_patterns", lambda _patterns: pytest.fail("compiled again"))
    assert hits(rule, tmp_path / "kept", said) == 1


@pytest.mark.parametrize("content", [b"", b"no database", b"\x00" * 5000])
def test_a_broken_file_is_made_anew(rule: Rule, tmp_path: Path, said: Callable[..., EventText], content: bytes) -> None:
    hits(rule, tmp_path, said)
    (file,) = tmp_path.glob("*.hsdb")
    whole = file.read_bytes()
    file.write_bytes(content)
    assert hits(rule, tmp_path, said) == 1
    assert len(file.read_bytes()) == len(whole)


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(
    rule: Rule, tmp_path: Path, said: Callable[..., EventText]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert hits(rule, blocked / "kept", said) == 1


def test_other_patterns_have_another_file(
    make_rule: Callable[..., Rule], tmp_path: Path, said: Callable[..., EventText]
) -> None:
    one = make_rule(DETECTION)
    other = make_rule("words: {prompt|contains: screenshot}\ncondition: words")
    assert hits(one, tmp_path / "kept", said) == 1
    assert hits(other, tmp_path / "kept", said) == 0
    assert len(list((tmp_path / "kept").glob("*.hsdb"))) == 2
