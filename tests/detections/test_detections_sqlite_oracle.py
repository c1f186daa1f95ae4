"""Our evaluator against pySigma's SQLite backend, on random rules, correlations and events.

Differences of the backend that the made-up material keeps clear of, because ours is meant to be as it is:
- letters outside ASCII: SQLite's LIKE and lower() fold ASCII alone;
- invisible characters and compatibility forms: our texts are normalised first, SQLite's are not;
- expressions: the backend leaves REGEXP to its caller, here Python's `re`;
- a text compared with a number: SQLite lets a column's affinity decide, our fields have one kind each;
- an empty text: for us nothing was said, for SQLite it is a value that exists;
- a percentile between two values: ours is interpolated as PERCENTILE_CONT does, the backend takes the nearest rank;
- two hits of an ordered correlation at one moment: no order for us, an order for the backend.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

from stormwatch.detections.correlations.correlating_batch import correlate_all
from stormwatch.detections.correlations.correlation import RuleHit
from stormwatch.detections.rulebook.rules import read_pack
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.sigma.event_fields import EVENT_FIELDS, column_of
from stormwatch.detections.text.normalise import NormalText
from stormwatch.model.event import EventText, Message
from stormwatch.storage.schemas import EVENTS

WORDS = ("alpha", "beta", "gamma", "a_b%c", "x.y(z", "-flag", "/flag", "UPPER", "100%", "ab?cd", "star*star")
MODELS = ("m-one", "M-TWO", "m_two", "other", "4")
ADDRESSES = ("192.0.2.7", "192.0.2.200", "198.51.100.9", "2001:db8::1")
HEAD = {
    "title": "A rule",
    "id": "6a7fbd57-4b4c-4b06-8f0b-0f60d8b6a4de",
    "status": "test",
    "tags": ["llm.02"],
    "falsepositives": ["none"],
    "level": "low",
    "logsource": {"category": "llm"},
}

_escaped = st.sampled_from(WORDS).map(lambda word: re.sub(r"([*?\\])", r"\\\1", word))
_values = _escaped | st.sampled_from(["alp?a", "*gamma", "UPPER", "alpha*"])
_text_keys = st.sampled_from(["", "|contains", "|startswith", "|endswith", "|contains|cased", "|windash|contains"])
_regexes = st.sampled_from([r"alp[h]a", r"gamma\b", r"bet.", r"^alpha", r"flag$", r"\bupper\b", r"alpha.{0,9}beta"])
_listed = st.lists(_values, min_size=1, max_size=3)


@st.composite
def _items(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["text", "all", "regex", "model", "model-re", "number", "flag", "null", "cidr", "ref"]))
    negated = draw(st.sampled_from(["", "|neq"]))
    field = draw(st.sampled_from(["prompt", "response"]))
    if kind == "text":
        return {f"{field}{draw(_text_keys)}{negated}": draw(_listed)}
    if kind == "all":
        return {f"{field}|contains|all": draw(_listed)}
    if kind == "regex":
        return {f"{field}|re{draw(st.sampled_from(['', '|i']))}": draw(_regexes)}
    if kind == "model":
        value = draw(st.lists(st.sampled_from([*MODELS, "m*", "?-one", "*o*"]), min_size=1, max_size=2))
        return {f"model{draw(st.sampled_from(['', '|contains', '|endswith', '|cased']))}{negated}": value}
    if kind == "model-re":
        return {f"model|re{draw(st.sampled_from(['', '|i']))}": draw(st.sampled_from(["^m", "two$", "M.T", "o[nt]"]))}
    if kind == "number":
        key = draw(st.sampled_from(["", "|gt", "|gte", "|lt", "|lte", "|neq"]))
        return {f"tool_calls{key}": draw(st.integers(0, 4))}
    if kind == "flag":
        return {"refused": draw(st.booleans())}
    if kind == "null":
        return draw(st.sampled_from([{"model": None}, {"model|exists": True}, {"refused|exists": False}]))
    if kind == "cidr":
        return {"source_ip|cidr": draw(st.sampled_from(["192.0.2.0/25", "192.0.2.192/26", "198.51.100.8/29"]))}
    return {f"model|fieldref{draw(st.sampled_from(['', '|contains', '|startswith', '|endswith']))}": "provider"}


@st.composite
def _detections(draw: st.DrawFn) -> dict[str, Any]:
    names = ["one", "two", "three"][: draw(st.integers(1, 3))]
    detection: dict[str, Any] = {}
    for name in names:
        items = draw(st.lists(_items(), min_size=1, max_size=2))
        detection[name] = (
            items if draw(st.booleans()) else {key: value for item in items for key, value in item.items()}
        )
    terms = st.sampled_from([*names, f"1 of {names[0][:2]}*", "all of them", "1 of them"])
    condition = st.recursive(
        terms,
        lambda inner: (
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
            | inner.map(lambda one: f"not ({one})")
        ),
        max_leaves=4,
    )
    detection["condition"] = draw(condition)
    return detection


_said = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
_rows = st.fixed_dictionaries(
    {
        "prompt": _said | st.sampled_from(["alpha\nbeta", "x\nflag"]),
        "response": _said,
        "model": st.sampled_from([*MODELS, None]),
        "provider": st.sampled_from(["m-one", "two", "M", None]),
        "tool_calls": st.sampled_from([0, 1, 2, 3, 4, None]),
        "refused": st.sampled_from([True, False, None]),
        "source_ip": st.sampled_from([*ADDRESSES, None]),
    }
)


def regexp(pattern: str, value: Any) -> bool:
    return value is not None and re.search(pattern, str(value)) is not None


def in_sqlite(rows: Sequence[Mapping[str, Any]]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.create_function("REGEXP", 2, regexp, deterministic=True)
    texts = ", ".join(
        f"{name} TEXT COLLATE NOCASE" for name in ("prompt", "response", "model", "provider", "source_ip")
    )
    connection.execute(f"CREATE TABLE logs (number INTEGER, {texts}, tool_calls INTEGER, refused INTEGER)")
    connection.executemany(
        "INSERT INTO logs VALUES (:number, :prompt, :response, :model, :provider, :source_ip, :tool_calls, :refused)",
        [{**row, "number": number} for number, row in enumerate(rows)],
    )
    return connection


def as_columns(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    names = [column_of(name) for name in EVENT_FIELDS]
    return pa.table({name: pa.array([row.get(name) for row in rows], EVENTS.field(name).type) for name in names})


def said(row: Mapping[str, Any]) -> EventText:
    return EventText("e", (Message("user", row["prompt"]),), (Message("assistant", row["response"]),))


@given(_detections(), st.lists(_rows, min_size=1, max_size=12))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_rules_hit_what_the_backend_hits(
    tmp_path: Path, detection: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(yaml.safe_dump({**HEAD, "detection": detection}), encoding="utf-8")
    pack = read_pack([path])
    if pack.errors:  # the linter demands more than Sigma does
        assert all("pure negation" in error.what for error in pack.errors), pack.errors
        return
    [query] = sqliteBackend().convert(SigmaCollection.from_yaml(path.read_text(encoding="utf-8")))
    expected = {row[0] for row in in_sqlite(rows).execute(query.replace("SELECT *", "SELECT number", 1))}
    ruleset = RuleSet(pack.rules)
    assert {number for number, row in enumerate(rows) if ruleset.scan(said(row), row)} == expected
    # In a batch the fields decide first where a rule is tried at all.
    tried = ruleset.candidates(as_columns(rows))
    batch = {
        number
        for number, row in enumerate(rows)
        if ruleset.scan_normal(NormalText.of(said(row)), row, tried.get(number, ()))
    }
    assert batch == expected


BASE = """\
title: {name}
id: {rule_id}
name: {name}
status: test
tags: [llm.02]
falsepositives: [none]
level: low
logsource: {{category: llm}}
detection:
  words:
    prompt|contains: {name}
  condition: words
---
"""
IDS = {name: f"{number}0000000-0000-4000-8000-000000000000" for number, name in enumerate(("alpha", "beta", "gamma"))}
CORRELATION_ID = "c0000000-0000-4000-8000-000000000000"

_conditions = st.sampled_from(["gt", "gte", "lt", "lte", "eq", "neq"])


@st.composite
def _correlations(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(
            ["event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg", "value_median"]
        )
    )
    made: dict[str, Any] = {"type": kind, "rules": ["alpha", "beta"], "group-by": ["account_id"], "timespan": "10s"}
    if kind == "temporal" and draw(st.booleans()):
        made["rules"] = ["alpha", "beta", "gamma"]
        made["condition"] = draw(st.sampled_from(["alpha and (beta or gamma)", "alpha and beta and gamma"]))
    elif not kind.startswith("temporal"):
        made["condition"] = {draw(_conditions): draw(st.integers(1, 6))}
        if kind != "event_count":
            made["condition"]["field"] = "model" if kind == "value_count" else "tool_calls"
    return made


_moments = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from(["one", "two"]),
        st.sets(st.sampled_from(list(IDS)), min_size=1, max_size=2),
        st.sampled_from([*MODELS[:3], None]),
        st.sampled_from([0, 1, 2, 5, None]),
    ),
    max_size=14,
    unique_by=lambda event: event[:2],  # the backend lets two hits of one moment stand in an order
)


@given(_correlations(), _moments)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_correlations_hold_when_the_backend_says_so(
    tmp_path: Path, correlation: dict[str, Any], events: list[tuple[Any, ...]]
) -> None:
    path = tmp_path / "rules.yml"
    head = {key: value for key, value in HEAD.items() if key != "logsource"}
    text = "".join(BASE.format(name=name, rule_id=rule_id) for name, rule_id in IDS.items())
    text += yaml.safe_dump({**head, "id": CORRELATION_ID, "correlation": correlation})
    path.write_text(text, encoding="utf-8")
    pack = read_pack([path])
    assert not pack.errors
    held = held_in_sqlite(text, events)
    hits = [
        RuleHit(
            time * 1_000_000,
            f"e{number}",
            account,
            IDS[word],
            {"account_id": account, "model": model, "tool_calls": calls},
        )
        for number, (time, account, words, model, calls) in enumerate(events)
        for word in words
    ]
    fired = {(one.group[0], one.time_us // 1_000_000) for one in correlate_all(pack.correlations, hits)}
    assert fired == begins(held)


def held_in_sqlite(text: str, events: list[tuple[Any, ...]]) -> set[tuple[str, int]]:
    """Account and moment wherever the backend's correlation holds."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE logs (timestamp INTEGER, account_id TEXT, prompt TEXT COLLATE NOCASE, model TEXT COLLATE NOCASE, "
        "tool_calls INTEGER)"
    )
    rows = [(time, account, " ".join(sorted(words)), model, calls) for time, account, words, model, calls in events]
    connection.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?)", rows)
    queries = sqliteBackend(timestamp_format="unix").convert(SigmaCollection.from_yaml(text))
    cursor = connection.execute(queries[-1])
    names = [column[0] for column in cursor.description]
    found = (dict(zip(names, row, strict=True)) for row in cursor)
    return {(json.loads(row["group_keys"])["account_id"], round(row["occurrence_time"])) for row in found}


def begins(held: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """The moments before which it had held at none within the timespan: where an episode begins."""
    by_account: dict[str, list[int]] = defaultdict(list)
    for account, moment in held:
        by_account[account].append(moment)
    return {
        (account, moment)
        for account, moments in by_account.items()
        for moment in moments
        if not any(moment - 10 <= before < moment for before in moments)
    }


@pytest.mark.parametrize("share", [0, 100])
def test_the_ends_of_a_percentile_are_the_backend_s(tmp_path: Path, share: int) -> None:
    correlation = {
        "type": "value_percentile",
        "rules": ["alpha"],
        "group-by": ["account_id"],
        "timespan": "10s",
        "condition": {"gte": 3, "field": "tool_calls", "percentile": share},
    }
    events = [(time, "one", {"alpha"}, None, calls) for time, calls in [(0, 1), (2, 5), (4, 3), (20, 4), (22, 9)]]
    test_random_correlations_hold_when_the_backend_says_so.hypothesis.inner_test(tmp_path, correlation, events)
