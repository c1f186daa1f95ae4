"""Rules hit what Sigma says they hit, in the field they ask for, whatever the disguise of the letters."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.event import EventText, Message, ToolCall

Make = Callable[..., Rule]
Say = Callable[..., EventText]


def hits(rule: Rule, text: EventText, **fields: Any) -> bool:
    return bool(RuleSet([rule]).scan(text, fields))


CASES = [
    ("contains in any case", "prompt|contains: Secret Plan", "my SECRET plan.", True),
    ("contains, cased", "prompt|contains|cased: Secret Plan", "my secret plan", False),
    ("contains, cased and equal", "prompt|contains|cased: Secret Plan", "my Secret Plan", True),
    ("equality needs the whole text", "prompt: secret plan", "a secret plan", False),
    ("equality of the whole text", "prompt: secret plan", "Secret plan", True),
    ("startswith", "prompt|startswith: secret", "secret plan", True),
    ("startswith, later in the text", "prompt|startswith: secret", "a secret plan", False),
    ("endswith", "prompt|endswith: plan", "a secret plan", True),
    ("endswith, with more behind", "prompt|endswith: plan", "a secret plan b", False),
    ("one character", "prompt|contains: 'secr?t'", "SECRéT", True),
    ("one character is not none", "prompt|contains: 'secr?t'", "secrt", False),
    ("an escaped wildcard is itself", r"prompt|contains: 'secr\?t'", "secret", False),
    ("an escaped wildcard in the text", r"prompt|contains: 'secr\?t'", "secr?t", True),
    ("a lone backslash is itself", r"prompt|contains: 'dir\plan'", r"C:\dir\plan", True),
    ("characters of expressions are plain", "prompt|contains: 'f(x)=[1.5]+$'", "let f(x)=[1.5]+$ be", True),
    ("Cyrillic in any case", "prompt|contains: секретный план", "СЕКРЕТНЫЙ План", True),
    ("regular expression with a word's edge", r"prompt|re|i: '\bplans?\b'", "two Plans here", True),
    ("near miss inside a word", r"prompt|re|i: '\bplans?\b'", "airplanes", False),
    ("case counts in re without i", "prompt|re: 'plan'", "PLAN", False),
    ("edges beside other letters", r"prompt|re|i: '\bплан\b'", "наш план.", True),
    ("near miss inside a Russian word", r"prompt|re|i: '\bплан\b'", "планета", False),
    ("full-width letters", "prompt|contains: secret", "ｓｅｃｒｅｔ", True),
    ("zero-width characters between letters", "prompt|contains: secret", "se\u200bcr\u2060et", True),
    ("Arabic keyboard for a Persian word", "prompt|contains: کشتیرانی", "كشتيراني", True),
    ("text with a lone surrogate", "prompt|contains: secret", "a \ud800 secret", True),
    ("NUL in the text", "prompt|contains: secret", "a\x00secret", True),
]


@pytest.mark.parametrize(("item", "text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_values_and_modifiers(make_rule: Make, said: Say, item: str, text: str, *, expected: bool) -> None:
    rule = make_rule(f"words:\n  {item}\ncondition: words")
    assert hits(rule, said(text)) is expected


CONDITIONS = [
    ("alpha and beta", "xx alpha", False),
    ("alpha and beta", "alpha beta", True),
    ("alpha and not beta", "alpha beta", False),
    ("alpha or beta", "beta", True),
    ("1 of them", "gamma", True),
    ("all of them", "alpha beta", False),
    ("all of them", "alpha beta gamma", True),
    ("alpha and 1 of *ta", "alpha gamma", False),
    ("alpha and not 1 of *ta", "alpha gamma", True),
]


@pytest.mark.parametrize(("condition", "text", "expected"), CONDITIONS)
def test_conditions(make_rule: Make, said: Say, condition: str, text: str, *, expected: bool) -> None:
    selections = "".join(f"{name}:\n  prompt|contains: {name}\n" for name in ("alpha", "beta", "gamma"))
    assert hits(make_rule(f"{selections}condition: {condition}"), said(text)) is expected


def test_all_asks_for_every_value_and_a_list_for_any(make_rule: Make, said: Say) -> None:
    every = make_rule("words:\n  prompt|contains|all: [alpha, beta]\ncondition: words")
    some = make_rule("words:\n  prompt|contains: [alpha, beta]\ncondition: words")
    assert not hits(every, said("alpha"))
    assert hits(every, said("beta, then alpha"))
    assert hits(some, said("alpha"))


def test_a_pattern_counts_in_the_field_that_the_rule_names(make_rule: Make) -> None:
    rule = make_rule("words:\n  response|contains: alpha\ncondition: words")
    ruleset = RuleSet([rule])
    asked = EventText("e", (Message("user", "alpha"),), (Message("assistant", "no"),))
    answered = EventText("e", (Message("user", "no"),), (Message("assistant", "alpha"),), (ToolCall("t", "alpha"),))
    assert not ruleset.scan(asked, {})
    assert [hit.fields for hit in ruleset.scan(answered, {})] == [("response", "tool_arguments")]


def test_a_gap_does_not_reach_from_one_field_into_the_next(make_rule: Make) -> None:
    rule = make_rule(r"words:" + "\n" + r"  prompt|re: 'alpha[^,]{0,40}omega'" + "\ncondition: words")
    apart = EventText("e", (Message("user", "alpha"),), (Message("assistant", "omega"),))
    together = EventText("e", (Message("user", "alpha or omega"),), (Message("assistant", "omega"),))
    assert not hits(rule, apart)
    assert hits(rule, together)


def test_the_start_of_the_second_field_is_a_start(make_rule: Make) -> None:
    rule = make_rule("words:\n  response|startswith: alpha\ncondition: words")
    assert hits(rule, EventText("e", (Message("user", "x"),), (Message("assistant", "alpha"),)))
    assert not hits(rule, EventText("e", (Message("user", "alpha"),), (Message("assistant", "x alpha"),)))


def test_a_keyword_is_looked_for_in_every_field(make_rule: Make) -> None:
    rule = make_rule("words:\n  - alpha\ncondition: words")
    assert hits(rule, EventText("e", (), (), (ToolCall("t", '{"q": "ALPHA"}'),)))


FIELDS = [
    ("model: m-large", {"model": "M-LARGE"}, True),
    ("model: m-large", {"model": "m-larger"}, False),
    ("model: m-large", {}, False),
    ("model: [m-small, 'm-l*']", {"model": "m-large"}, True),
    ("user_agent|contains: python", {"user_agent": "Python-requests/2"}, True),
    ("user_agent|re: '^curl/[0-9]'", {"user_agent": "curl/8.1"}, True),
    ("user_agent: ''", {"user_agent": ""}, True),
    ("user_agent: 'c?t'", {"user_agent": "cät"}, True),
    ("user_agent: 'ÄB*'", {"user_agent": "äbc"}, True),
    ("user_agent|cased: 'AB*'", {"user_agent": "abc"}, False),
    ("refused: true", {"refused": True}, True),
    ("refused: true", {"refused": None}, False),
    ("refused: null", {"refused": None}, True),
    ("tool_calls|gte: 3", {"tool_calls": 3}, True),
    ("tool_calls|lt: 3", {"tool_calls": 3}, False),
    ("tool_calls: 3", {"tool_calls": 3}, True),
    ("error_type|exists: false", {}, True),
]


@pytest.mark.parametrize(("item", "fields", "expected"), FIELDS)
def test_fields_of_the_event(make_rule: Make, said: Say, item: str, fields: dict[str, Any], *, expected: bool) -> None:
    rule = make_rule(f"words:\n  prompt|contains: alpha\nevent:\n  {item}\ncondition: words and event")
    assert hits(rule, said("alpha"), **fields) is expected
    assert not hits(rule, said("something else"), **fields)


@pytest.mark.parametrize(
    "item", ["user_agent|re: '(a|a)*b'", "user_agent|re: '(a?){28}a{28}b'", "user_agent: '*a*a*a*a*a*a*a*a*b'"]
)
def test_no_user_agent_holds_a_rule_up(make_rule: Make, said: Say, item: str) -> None:
    rule = make_rule(f"words:\n  prompt|contains: alpha\n  {item}\ncondition: words")
    assert not hits(rule, said("alpha"), user_agent="a" * 4096)
    assert hits(rule, said("alpha"), user_agent="a" * 4095 + "b")


def test_rules_are_reported_in_the_order_of_their_ids_and_subsets_agree(make_rule: Make, said: Say) -> None:
    ids = ["b0000000-0000-4000-8000-000000000000", "a0000000-0000-4000-8000-000000000000"]
    rules = [make_rule("words:\n  prompt|contains: alpha\ncondition: words", rule_id=rule_id) for rule_id in ids]
    ruleset = RuleSet(rules)
    assert [hit.rule.rule_id for hit in ruleset.scan(said("alpha"), {})] == sorted(ids)
    part = ruleset.subset({rules[0].rule_version})
    assert [hit.rule.rule_id for hit in part.scan(said("alpha"), {})] == ids[:1]
    assert ruleset.subset(set()).scan(said("alpha"), {}) == ()


def test_an_empty_text_hits_nothing(make_rule: Make) -> None:
    assert not hits(make_rule("words:\n  prompt|contains: alpha\ncondition: words"), EventText("e"))


@given(
    st.lists(st.sampled_from(["abc", "B", "x.y", "?", "(", "é", "Ж"]), min_size=1, max_size=4).map("".join),
    st.text(alphabet="aAbBcCxXyY.?(éÉжЖ \n", max_size=40),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_contains_agrees_with_a_plain_search(make_rule: Make, said: Say, value: str, text: str) -> None:
    value = f"abc{value}"
    rule = make_rule(f"words:\n  prompt|contains: '{value}'\ncondition: words")
    # A lower-case comparison character by character, where ? stands for any one character.
    expression = "".join("." if character == "?" else re.escape(character) for character in value)
    wanted = re.search(expression, text, re.IGNORECASE | re.DOTALL) is not None
    assert hits(rule, said(text)) is wanted
    assert hits(rule, said("before " + value.replace("?", "q").upper() + " after"))
