"""The rest of Sigma: every modifier means what it says or is refused where it stands; filters, lists, fields alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stormwatch.detections.rulebook.correlation_tests import run_scenes
from stormwatch.detections.rulebook.lint import lint
from stormwatch.detections.rulebook.rules import RulePack, load_pack, load_rules, read_pack
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.run import detect
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.event import EventText, Message
from stormwatch.model.times import parse_rfc3339
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

Make = Callable[..., Rule]
Say = Callable[..., EventText]
Write = Callable[..., str]
FIRST_ID = "6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de"
OTHER_ID = "0b1f7a5c-7a0a-4d0e-9c57-3f0a0a1f0b11"
THIRD_ID = "3b1f7a5c-7a0a-4d0e-9c57-3f0a0a1f0b11"


def hits(rule: Rule, text: EventText, **fields: Any) -> bool:
    return bool(RuleSet([rule]).scan(text, fields))


def b64(text: str, encoding: str = "utf-8", shift: int = 0) -> str:
    return base64.b64encode(b"z" * shift + text.encode(encoding)).decode()


TEXTS = [
    ("base64", "prompt|base64|contains: run the tool", f"x {b64('run the tool')} y", True),
    ("base64 of another", "prompt|base64|contains: run the tool", f"x {b64('run the fool')} y", False),
    *(
        (f"base64offset {n}", "prompt|base64offset|contains: run the tool", b64("run the tool now", shift=n), True)
        for n in range(3)
    ),
    ("wide and base64", "prompt|wide|base64offset|contains: whoami", b64("& whoami", "utf-16-le"), True),
    ("utf16be and base64", "prompt|utf16be|base64offset|contains: whoami", b64("& whoami", "utf-16-be"), True),
    ("windash", "prompt|windash|contains: ' -enc abc'", "powershell /enc abc", True),
    ("windash, another dash", "prompt|windash|contains: ' -enc abc'", "powershell \u2013enc abc", True),
    ("windash inside a word", "prompt|windash|contains: 'well-known'", "well/known", False),
    ("neq beside a match", "prompt|contains: alpha\n  response|contains|neq: omega", "alpha", True),
    ("re with ^", "prompt|re: '^alpha'", "alpha beta", True),
    ("re with ^, later", "prompt|re: '^alpha'", "beta alpha", False),
    ("re with ^ in a later line", "prompt|re: '^alpha'", "beta\nalpha", False),
    ("re with m and ^ in a later line", "prompt|re|m: '^alpha'", "beta\nalpha", True),
    ("re with $", "prompt|re: 'alpha$'", "beta alpha", True),
    ("re with $ before a last line break", "prompt|re: 'alpha$'", "beta alpha\n", True),
    ("re with $, more behind", "prompt|re: 'alpha$'", "alpha beta", False),
    ("re with m and $ before a line break", "prompt|re|multiline: 'alpha$'", "alpha\nbeta", True),
    ("re with an escaped $", r"prompt|re: 'alpha\$'", "alpha$ beta", True),
    ("re without s", "prompt|re: 'alpha.beta'", "alpha\nbeta", False),
    ("re with s", "prompt|re|s: 'alpha.beta'", "alpha\nbeta", True),
    ("re with dotall and ignorecase", "prompt|re|ignorecase|dotall: 'alpha.BETA'", "ALPHA\nbeta", True),
    ("exists", "prompt|contains: alpha\n  response|exists: false", "alpha", True),
    ("exists, wanted", "prompt|contains: alpha\n  response|exists: true", "alpha", False),
    ("null", "prompt|contains: alpha\n  response: null", "alpha", True),
    ("a list with null", "prompt|contains: alpha\n  response: [null, omega]", "alpha", True),
    ("an empty text", "prompt|contains: alpha\n  response: ''", "alpha", True),
]


@pytest.mark.parametrize(("item", "text", "expected"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_modifiers_on_what_was_said(make_rule: Make, said: Say, item: str, text: str, *, expected: bool) -> None:
    assert hits(make_rule(f"words:\n  {item}\ncondition: words"), said(text)) is expected


def test_the_edges_are_those_of_the_field(make_rule: Make, said: Say) -> None:
    starts = make_rule("words:\n  response|re: '^alpha'\ncondition: words")
    ends = make_rule("words:\n  prompt|re: 'alpha$'\ncondition: words")
    assert hits(starts, said("beta", "alpha"))
    assert not hits(starts, said("alpha", "beta"))
    assert hits(ends, said("alpha", "beta"))
    assert not hits(ends, said("beta", "alpha"))


TIME = parse_rfc3339("2026-03-02T10:05:30Z")
EVENT = {"source_ip": "192.0.2.9", "model": "m-large", "provider": "M-Large", "tool_calls": 3, "time_us": TIME}
FIELDS = [
    ("source_ip|cidr: 192.0.2.0/24", True),
    ("source_ip|cidr: [198.51.100.0/24, 192.0.2.8/31]", True),
    ("source_ip|cidr: 2001:db8::/32", False),
    ("source_ip: 192.0.2.9", True),
    ("model|neq: m-small", True),
    ("model|neq: m-large", False),
    ("tool_calls|neq: 3", False),
    ("tool_calls|lt: 4", True),
    ("model|fieldref: provider", True),
    ("model|fieldref|startswith: user_agent", False),
    ("tool_calls|fieldref: input_tokens", False),
    ("time|minute: 5", True),
    ("time|minute: [6, 7]", False),
    ("time|day: 2", True),
    ("time|week: 10", True),
    ("time|month: 3", True),
    ("time|year|neq: 2026", False),
    ("duration_ms|gt: 100", False),
    ("model|re|i: '^M-L'", True),
    ("model|base64: m-large", False),
]


@pytest.mark.parametrize(("item", "expected"), FIELDS)
def test_modifiers_on_fields_of_the_event_in_a_rule_of_fields_alone(
    make_rule: Make, said: Say, item: str, *, expected: bool
) -> None:
    rule = make_rule(f"event:\n  {item}\n  provider: M-LARGE\ncondition: event")
    assert hits(rule, said("anything"), **EVENT) is expected
    assert hits(rule, EventText("e"), **EVENT) is expected


REFUSED = [
    ("prompt|cidr: 192.0.2.0/24", "a text is no address"),
    ("prompt|gte: 3", "a text is no number"),
    ("model|lt: 3", "holds no number"),
    ("prompt|fieldref: model", "never beside another field"),
    ("model|fieldref: prompt", "no field of the event"),
    ("time|hour: 3", "where somebody lives"),
    ("prompt|hour: 3", "where somebody lives"),
    ("model|minute: 3", "only the field time"),
    ("time: 3", "asked for one of its parts"),
    ("prompt|wide|contains: whoami", "characters, not bytes"),
    ("prompt|re|contains: 'alpha'", "stands alone"),
    ("refused|contains: true", "unknown modifier 'contains' on 'refused'"),
    ("source_ip|cidr: 192.0.2.0/99", "Invalid CIDR"),
    ("source_ip|cidr: 192.0.2.1/24", "host bits"),
    ("org_id: acme", "who somebody is"),
    ("prompt|expand|contains: '%nobody%'", "nothing is listed for the placeholder 'nobody'"),
    ("prompt|re: 'alpha|^beta'", "does not have"),
    ("prompt|base64|contains: 'a*b'", "wildcards is not allowed"),
    ("prompt|windash|contains: ' -aaa -bbb -ccc -ddd'", "at most three"),
]


@pytest.mark.parametrize(("item", "what"), REFUSED)
def test_what_makes_no_sense_is_refused_where_it_stands(tmp_path: Path, rule_text: Write, item: str, what: str) -> None:
    (tmp_path / "bad.yml").write_text(rule_text(f"words:\n  {item}\ncondition: words"), encoding="utf-8")
    problem = read_pack([tmp_path]).errors[0]
    assert what in problem.what
    assert problem.line in (12, 14)  # the selection, or its line


def test_placeholders_are_written_out_and_a_new_value_is_a_new_version(
    tmp_path: Path, rule_text: Write, said: Say
) -> None:
    folder = tmp_path / "theme"
    folder.mkdir()
    text = rule_text("words:\n  prompt|contains|expand: 'ask %who% now'\ncondition: words")
    (folder / "rule.yml").write_text(text, encoding="utf-8")
    (tmp_path / "placeholders.yml").write_text("who: [alice, bob]\n", encoding="utf-8")
    [rule] = load_rules([tmp_path])
    assert hits(rule, said("ask BOB now"))
    assert not hits(rule, said("ask carol now"))
    (tmp_path / "placeholders.yml").write_text("who: [alice, carol]\n", encoding="utf-8")
    [changed] = load_rules([tmp_path])
    assert hits(changed, said("ask carol now"))
    assert changed.rule_version != rule.rule_version
    (tmp_path / "placeholders.yml").write_text("who: bob\n", encoding="utf-8")
    assert "is no list of text" in read_pack([tmp_path]).errors[0].what


FILTER = """\
title: Our own red team
id: {filter_id}
logsource: {{category: llm}}
filter:
  rules: {rules}
  ours:
    source_ip|cidr: 192.0.2.0/28
  condition: not ours
"""


@pytest.mark.parametrize(
    ("rules", "narrowed"), [("[6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de]", True), ("any", True), (f"[{THIRD_ID}]", False)]
)
def test_a_filter_narrows_the_rules_it_names(
    tmp_path: Path, rule_text: Write, said: Say, rules: str, *, narrowed: bool
) -> None:
    (tmp_path / "a.yml").write_text(rule_text("words:\n  prompt|contains: alpha\ncondition: words"), encoding="utf-8")
    [before] = load_rules([tmp_path])
    (tmp_path / "filter.yml").write_text(FILTER.format(filter_id=OTHER_ID, rules=rules), encoding="utf-8")
    pack = load_pack([tmp_path])
    [rule] = pack.rules
    assert hits(rule, said("alpha"), source_ip="192.0.2.3") is not narrowed
    assert hits(rule, said("alpha"), source_ip="192.0.2.33")
    assert (rule.rule_version != before.rule_version) is narrowed
    assert rule.filters == ((OTHER_ID,) if narrowed else ())
    assert any("names no rule" in problem.what for problem in pack.problems) is not narrowed


def test_a_broken_filter_is_located(tmp_path: Path) -> None:
    text = FILTER.format(filter_id=OTHER_ID, rules="any").replace("source_ip|cidr: 192.0.2.0/28", "country: DE")
    (tmp_path / "filter.yml").write_text(text, encoding="utf-8")
    [problem] = read_pack([tmp_path]).errors
    assert problem.line == 7
    assert "who somebody is" in problem.what


def test_a_rule_of_fields_alone_is_tried_by_columns_in_a_hunt_and_costs_no_scan(
    lake: Lake,
    keyring: Keyring,
    make_rule: Make,
    add_segment: Callable[..., None],
    event: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = make_rule("busy:\n  tool_calls|gte: 5\nmine:\n  model: m-*\ncondition: busy and not mine")
    rows = [
        event(number, "nothing", tool_calls=number % 9 or None, model=["m-a", "other", None][number % 3])
        for number in range(300)
    ]
    expected = {row["event_id"] for row in rows if (row["tool_calls"] or 0) >= 5 and row["model"] != "m-a"}
    add_segment("one", rows)
    tried: list[int] = []
    original = RuleSet.scan_normal

    def counted(self: RuleSet, text: Any, fields: Any, candidates: Any = None) -> Any:
        tried.append(len(candidates))
        return original(self, text, fields, candidates)

    monkeypatch.setattr(RuleSet, "scan_normal", counted)
    detect(lake, keyring, RuleSet([rule]), [])
    assert {row["event_id"] for row in lake.read("detections").to_pylist()} == expected
    assert sum(tried) == len(expected)


def test_the_linter_names_the_cost_of_a_rule_over_fields(tmp_path: Path, rule_text: Write) -> None:
    (tmp_path / "a.yml").write_text(rule_text("event:\n  tool_calls|gte: 5\ncondition: event"), encoding="utf-8")
    mixed = rule_text(
        "event:\n  tool_calls|gte: 5\nwords:\n  prompt|contains: alpha\ncondition: event or words", rule_id=OTHER_ID
    )
    (tmp_path / "b.yml").write_text(mixed, encoding="utf-8")
    report = lint([tmp_path])
    classes = {checked.rule.rule_id: checked.cost.cost_class for checked in report.rules}
    assert classes[FIRST_ID] == "fields"
    assert classes[OTHER_ID] != "fields"
    assert any("can hold without any text match" in problem.what for problem in report.problems)


CORRELATION = """\
---
title: Again and again
id: {rule_id}
name: again
tags: [llm.09]
falsepositives: [load tests]
level: high
correlation:
  type: event_count
  rules: [{rules}]
  group-by: [session_id, account_id]
  timespan: 5m
  condition:
    gte: 3
{more}"""


@pytest.fixture
def pack_of(tmp_path: Path, rule_text: Write) -> Callable[..., RulePack]:
    def make(correlation: str = "", **options: str) -> RulePack:
        text = rule_text("words:\n  prompt|contains: alpha\ncondition: words", more=options.pop("head", ""))
        given = {"rule_id": OTHER_ID, "rules": "6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de", "more": "", **options}
        (tmp_path / "rules.yml").write_text(text + (correlation or CORRELATION.format(**given)), encoding="utf-8")
        return read_pack([tmp_path])

    return make


def test_a_rule_that_is_a_step_counts_for_nothing_by_itself_unless_generate_says_so(
    pack_of: Callable[..., RulePack],
) -> None:
    quiet = pack_of()
    assert not quiet.errors
    assert (quiet.rules[0].shadow, quiet.rules[0].component_of) == (True, (OTHER_ID,))
    assert not quiet.correlations[0].shadow
    assert quiet.correlations[0].group_by == ("account_id", "session_id")
    loud = pack_of(more="  generate: true\n")
    assert (loud.rules[0].shadow, loud.rules[0].component_of) == (False, ())
    assert loud.rules[0].rule_version != quiet.rules[0].rule_version


def test_what_builds_on_a_rule_in_shadow_is_in_shadow_and_what_builds_on_a_topic_is_of_that_topic(
    pack_of: Callable[..., RulePack],
) -> None:
    [shadowed] = pack_of(head="shadow: true\n", more="  generate: true\n").correlations
    assert (shadowed.shadow, shadowed.declared_shadow) == (True, False)
    [topical] = pack_of(head="topic: some-topic\n").correlations
    assert topical.topic == "some-topic"
    assert topical.score == 0.05


CORRELATION_FAULTS = [
    ("  type: event_count", "  type: event_sum", "no type of correlation"),
    ("  group-by: [session_id, account_id]\n", "", "blamed"),
    ("[session_id, account_id]", "[country]", "who somebody is"),
    ("[session_id, account_id]", "[prompt]", "cannot be used here"),
    ("timespan: 5m", "timespan: soon", "Timespan"),
    ("timespan: 5m", "timespan: 2y", "longer than a year"),
    ("    gte: 3\n", "    gte: 3\n    field: model\n", "measures no field"),
    ("    gte: 3\n", "    gte: many\n", "no valid"),
    ("  type: event_count", "  type: value_sum", "without field reference"),
    ("  timespan: 5m\n", "  timespan: 5m\n  window: 3\n", "unknown key 'window'"),
    ("rules: [6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de]", "rules: [nobody]", "no rule has the id or name 'nobody'"),
    ("rules: [6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de]", "rules: [again]", "in a circle"),
    ("rules: [6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de]", "rules: []", "names no rule"),
    ("tags: [llm.09]\n", "", "'tags' is missing"),
]


@pytest.mark.parametrize(("old", "new", "what"), CORRELATION_FAULTS)
def test_a_faulty_correlation_is_explained_and_the_rule_beside_it_runs(
    pack_of: Callable[..., RulePack], old: str, new: str, what: str
) -> None:
    text = CORRELATION.format(rule_id=OTHER_ID, rules="6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de", more="")
    assert old in text
    pack = pack_of(text.replace(old, new))
    assert not pack.correlations
    assert len(pack.rules) == 1
    problem = next(problem for problem in pack.errors if what in problem.what)
    assert problem.line is not None
    assert problem.line > 14


def test_scenes_say_what_must_fire(pack_of: Callable[..., RulePack], tmp_path: Path) -> None:
    def scene(*at: str, account: str = "a") -> str:
        events = "".join(f"{{at: {one}, account_id: {account}, session_id: s, prompt: alpha}}, " for one in at)
        return f"  - why: told\n    events: [{events}]\n"

    pack = pack_of()
    path = tmp_path / "rules.tests.yaml"
    text = f"rule: {OTHER_ID}\nmatch:\n{scene('0s', '1m', '5m')}near_miss:\n{scene('0s', '3m', '6m')}"
    path.write_text(text, encoding="utf-8")
    [result] = run_scenes(pack)
    assert (result.matching, result.near_misses, result.failures, result.problems) == (1, 1, (), ())
    path.write_text(text.replace("5m", "7m"), encoding="utf-8")
    [result] = run_scenes(pack)
    assert "did not fire on a scene that it must" in result.failures[0]
    path.write_text(text.replace("1m", "soon"), encoding="utf-8")
    [result] = run_scenes(pack)
    assert "no time within a scene" in result.problems[0].what


def test_an_answer_alone_can_be_asked_for(make_rule: Make) -> None:
    rule = make_rule("words:\n  response|exists: true\n  refused: true\ncondition: words")
    assert hits(rule, EventText("e", (), (Message("assistant", "no"),)), refused=True)
    assert not hits(rule, EventText("e", (Message("user", "no"),)), refused=True)
