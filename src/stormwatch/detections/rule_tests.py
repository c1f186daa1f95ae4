"""The events beside each rule (`NAME.tests.yaml`), which must hit or come near without hitting, and their run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stormwatch.detections.normalise import TEXT_FIELDS
from stormwatch.detections.problems import RuleProblem, Severity
from stormwatch.detections.rule import Rule
from stormwatch.detections.rules import TESTS_SUFFIXES
from stormwatch.detections.ruleset import RuleSet, compile_fault
from stormwatch.detections.sigma_fields import EVENT_FIELDS
from stormwatch.model.event import EventText, Message, ToolCall
from stormwatch.model.located_yaml import LocatedDocument, YamlProblem, read_documents

_LISTS: Final = {"match": True, "near_miss": False}
_EVENT_KEYS: Final = frozenset({"why", *TEXT_FIELDS, *EVENT_FIELDS})
_REMEDY: Final = "a tests file holds rule, match and near_miss; each event why, a text field and event fields"


@dataclass(frozen=True, slots=True)
class TestEvent:
    """One event that a rule is tried on."""

    __test__ = False  # no test case of pytest, whatever its name

    why: str
    text: EventText
    fields: Mapping[str, Any]
    must_hit: bool
    path: Path
    line: int


@dataclass(frozen=True, slots=True)
class TestFailure:
    """An event on which a rule did the contrary of what is written beside it."""

    __test__ = False

    rule: Rule
    event: TestEvent

    def __str__(self) -> str:
        told = "did not hit an event that it must" if self.event.must_hit else "hit an event that only comes near"
        return f"{self.event.path}:{self.event.line}: {self.rule.title!r} {told} ({self.event.why})"


@dataclass(frozen=True, slots=True)
class TestResult:
    """What the events beside one rule said."""

    __test__ = False

    rule: Rule
    matching: int
    near_misses: int
    failures: tuple[TestFailure, ...]
    problems: tuple[RuleProblem, ...]


def run_tests(rules: Sequence[Rule]) -> tuple[TestResult, ...]:
    """Runs each rule on the events beside it; the rule is compiled alone, so that others cannot help it."""
    return tuple(_run(rule) for rule in rules)


def _run(rule: Rule) -> TestResult:
    events, problems = read_test_events(rule)
    fault = compile_fault(rule.patterns)
    if fault:
        what = f"the scanner cannot take this rule: {fault}"
        return TestResult(rule, 0, 0, (), (_problem(rule.path, rule.line, what, "simplify the expression"),))
    ruleset = RuleSet([rule])
    failures = tuple(
        TestFailure(rule, event)
        for event in events
        if bool(ruleset.scan(event.text, event.fields)) is not event.must_hit
    )
    matching = sum(event.must_hit for event in events)
    return TestResult(rule, matching, len(events) - matching, failures, tuple(problems))


def read_test_events(rule: Rule) -> tuple[list[TestEvent], list[RuleProblem]]:
    """The events beside a rule, and what is wrong with their file; both kinds of event have to be there."""
    path = tests_path(rule)
    if path is None:
        what, remedy = "the rule has no test events", f"write {rule.path.stem}.tests.yaml"
        return [], [RuleProblem(rule.path, rule.line, Severity.WARNING, what, remedy)]  # a hunt runs it all the same
    try:
        documents = list(read_documents(path.read_text(encoding="utf-8")))
    except (YamlProblem, UnicodeDecodeError, OSError) as error:
        return [], [_problem(path, getattr(error, "line", None), str(error), "correct the YAML")]
    mine = [document for document in documents if _is_for(document, rule)]
    if not mine:
        return [], [_problem(path, 1, f"no document is for the rule {rule.rule_id}", "name the rule's id under rule")]
    events: list[TestEvent] = []
    problems: list[RuleProblem] = []
    for document in mine:
        _read_lists(path, document, events, problems)
    for must_hit, name in ((True, "match"), (False, "near_miss")):
        if not any(event.must_hit is must_hit for event in events):
            problems.append(_problem(path, mine[0].line, f"there is no {name} event", "write at least one"))
    return events, problems


def tests_path(rule: Rule) -> Path | None:
    """The tests file beside a rule's file."""
    candidates = (rule.path.with_name(rule.path.stem + suffix) for suffix in TESTS_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _is_for(document: LocatedDocument, rule: Rule) -> bool:
    return isinstance(document.value, dict) and document.value.get("rule") == rule.rule_id


def _read_lists(path: Path, document: LocatedDocument, events: list[TestEvent], problems: list[RuleProblem]) -> None:
    unknown = sorted(set(document.value) - {"rule", *_LISTS})
    problems += [_problem(path, document.line_of(key), f"unknown key {key!r}", _REMEDY) for key in unknown]
    for key, must_hit in _LISTS.items():
        for index, item in enumerate(document.value.get(key) or []):
            line = document.line_of(key, index)
            fault = _event_fault(item)
            if fault:
                problems.append(_problem(path, line, fault, _REMEDY))
            else:
                events.append(_event(item, must_hit=must_hit, path=path, line=line))


def _event_fault(item: Any) -> str | None:
    if not isinstance(item, dict):
        return "a test event is a mapping"
    unknown = sorted(set(item) - _EVENT_KEYS)
    if unknown:
        return f"unknown key {unknown[0]!r}"
    if not any(isinstance(item.get(name), str) for name in TEXT_FIELDS):
        return "a test event needs a text"
    return None


def _event(item: Mapping[str, Any], *, must_hit: bool, path: Path, line: int) -> TestEvent:
    arguments = item.get("tool_arguments")
    text = EventText(
        event_id="test",
        input=tuple(Message("user", content) for content in [item.get("prompt")] if content),
        output=tuple(Message("assistant", content) for content in [item.get("response")] if content),
        tool_calls=(ToolCall("tool", arguments),) if arguments else (),
    )
    fields = {name: item[name] for name in EVENT_FIELDS if name in item}
    return TestEvent(str(item.get("why", "")), text, fields, must_hit, path, line)


def _problem(path: Path, line: int | None, what: str, remedy: str) -> RuleProblem:
    return RuleProblem(path, line, Severity.ERROR, what, remedy)
