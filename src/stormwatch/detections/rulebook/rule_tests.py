"""The events beside each rule (`NAME.tests.yaml`), which must hit or come near without hitting, and their run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.rulebook.rules import TESTS_SUFFIXES
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.sigma.conditions import needs_text
from stormwatch.detections.sigma.event_fields import EVENT_FIELDS, TIME_COLUMN
from stormwatch.detections.sigma.problems import RuleProblem, Severity
from stormwatch.detections.sigma.rule import Rule
from stormwatch.detections.text.normalise import TEXT_FIELDS
from stormwatch.model.errors import InvalidInput
from stormwatch.model.event import EventText, Message, ToolCall
from stormwatch.model.located_yaml import LocatedDocument, YamlProblem, read_documents
from stormwatch.model.times import parse_rfc3339

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


def run_tests(rules: Sequence[Rule], *, kept_in: Path | None = None) -> tuple[TestResult, ...]:
    """Runs each rule on the events beside it. All are compiled together, as a hunt does; none can help another."""
    together = RuleSet(rules, kept_in=kept_in)
    try:
        together.size_bytes()  # compiles it
    except InvalidInput:  # the scanner refuses one of them: alone, each tells for itself
        return tuple(_run(rule, RuleSet([rule])) for rule in rules)
    return tuple(_run(rule, together) for rule in rules)


def _run(rule: Rule, ruleset: RuleSet) -> TestResult:
    events, problems = read_test_events(rule)
    try:
        ruleset.size_bytes()
    except InvalidInput as error:
        return TestResult(rule, 0, 0, (), (_problem(rule.path, rule.line, error.what, "simplify the expression"),))
    failures = tuple(
        TestFailure(rule, event)
        for event in events
        if any(hit.rule is rule for hit in ruleset.scan(event.text, event.fields)) is not event.must_hit
    )
    matching = sum(event.must_hit for event in events)
    return TestResult(rule, matching, len(events) - matching, failures, tuple(problems))


def read_test_events(rule: Rule) -> tuple[list[TestEvent], list[RuleProblem]]:
    """The events beside a rule, and what is wrong with their file; both kinds of event have to be there."""
    documents, problems = read_tests(rule)
    said = needs_text(rule.condition)
    events: list[TestEvent] = []
    for path, document in documents:
        for item, must_hit, line in listed_items(path, document, problems):
            fault = event_fault(item, _EVENT_KEYS, said=said)
            if fault:
                problems.append(_problem(path, line, fault, _REMEDY))
            else:
                text, fields = event_of(item)
                events.append(TestEvent(str(item.get("why", "")), text, fields, must_hit, path, line))
    if documents:
        problems += missing_kinds(documents[0], [event.must_hit for event in events])
    return events, problems


def read_tests(rule: Rule | Correlation) -> tuple[list[tuple[Path, LocatedDocument]], list[RuleProblem]]:
    """The documents of the tests file beside a rule that are for it, and why there are none."""
    path = tests_path(rule)
    if path is None:
        what, remedy = "the rule has no test events", f"write {rule.path.stem}.tests.yaml"
        return [], [RuleProblem(rule.path, rule.line, Severity.WARNING, what, remedy)]  # a hunt runs it all the same
    try:
        documents = list(read_documents(path.read_text(encoding="utf-8")))
    except (YamlProblem, UnicodeDecodeError, OSError) as error:
        return [], [_problem(path, getattr(error, "line", None), str(error), "correct the YAML")]
    mine = [(path, document) for document in documents if _is_for(document, rule)]
    if not mine:
        return [], [_problem(path, 1, f"no document is for the rule {rule.rule_id}", "name the rule's id under rule")]
    return mine, []


def missing_kinds(document: tuple[Path, LocatedDocument], kinds: Sequence[bool]) -> list[RuleProblem]:
    """Which of the two kinds of test is not there."""
    path, located = document
    return [
        _problem(path, located.line, f"there is no {name} event", "write at least one")
        for must_hit, name in ((True, "match"), (False, "near_miss"))
        if must_hit not in kinds
    ]


def tests_path(rule: Rule | Correlation) -> Path | None:
    """The tests file beside a rule's file."""
    candidates = (rule.path.with_name(rule.path.stem + suffix) for suffix in TESTS_SUFFIXES)
    return next((path for path in candidates if path.is_file()), None)


def _is_for(document: LocatedDocument, rule: Rule | Correlation) -> bool:
    return isinstance(document.value, dict) and document.value.get("rule") == rule.rule_id


def listed_items(path: Path, document: LocatedDocument, problems: list[RuleProblem]) -> Iterator[tuple[Any, bool, int]]:
    """What stands under match and near_miss, whether it must hit, and its line."""
    unknown = sorted(set(document.value) - {"rule", *_LISTS})
    problems += [_problem(path, document.line_of(key), f"unknown key {key!r}", _REMEDY) for key in unknown]
    for key, must_hit in _LISTS.items():
        items = document.value.get(key) or []
        if not isinstance(items, list):
            problems.append(_problem(path, document.line_of(key), f"{key} is no list", _REMEDY))
            continue
        for index, item in enumerate(items):
            yield item, must_hit, document.line_of(key, index)


def event_fault(item: Any, keys: frozenset[str], *, said: bool) -> str | None:
    """What is wrong with a test event; `said`: it needs a text, or nothing could hit."""
    if not isinstance(item, dict):
        return "a test event is a mapping"
    unknown = sorted(set(item) - keys)
    if unknown:
        return f"unknown key {unknown[0]!r}"
    if said and not any(isinstance(item.get(name), str) for name in TEXT_FIELDS):
        return "a test event needs a text"
    time = item.get("time")
    if time is not None and _time_us(time) is None:
        return f"{time!r} is no RFC 3339 time with an offset"
    return None


def _time_us(time: Any) -> int | None:
    try:
        return parse_rfc3339(time if isinstance(time, str) else time.isoformat())
    except (ValueError, AttributeError, TypeError):
        return None


def event_of(item: Mapping[str, Any]) -> tuple[EventText, dict[str, Any]]:
    """The text and the fields of a test event."""
    arguments = item.get("tool_arguments")
    text = EventText(
        event_id="test",
        input=tuple(Message("user", content) for content in [item.get("prompt")] if content),
        output=tuple(Message("assistant", content) for content in [item.get("response")] if content),
        tool_calls=(ToolCall("tool", arguments),) if arguments else (),
    )
    fields = {name: item[name] for name in EVENT_FIELDS if name in item and name != "time"}
    if item.get("time") is not None:
        fields[TIME_COLUMN] = _time_us(item["time"])
    return text, fields


def _problem(path: Path, line: int | None, what: str, remedy: str) -> RuleProblem:
    return RuleProblem(path, line, Severity.ERROR, what, remedy)
