"""The grammar of mappings: what it can say, and that every fault is located and says what is allowed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormwatch.events.client_address import TrustedProxies
from stormwatch.events.mapping.compiled import CompiledMapping
from stormwatch.events.mapping.loading import load_mappings
from stormwatch.events.mapping.paths import lookup, parse_path
from stormwatch.events.mapping.reading import parse_specification
from stormwatch.events.sent import SentEvent
from stormwatch.model.errors import InvalidInput

HEAD = """mapping: 1
name: acme
title: ACME
recognise: [{path: kind, in: [acme]}]
"""
PLAIN = HEAD + "event:\n  event_id: id\n  time: at\n  account_id: who\n"
RECORD = {"kind": "acme", "id": "1", "at": "2026-03-02T10:00:00Z", "who": "a"}


def mapping(text: str, *networks: str) -> CompiledMapping:
    return CompiledMapping(parse_specification(text, Path("acme.yaml")), TrustedProxies.of(networks))


def event(text: str, **more: Any) -> SentEvent:
    return mapping(text).event({**RECORD, **more})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("mapping: 2\nname: a\n", 1, "mapping: 1"),
        ("mapping: 1\nname: A B\n", 2, "a-z"),
        (HEAD + "evnt: {}\n", 5, "allowed here: attributes, client"),
        (HEAD + "event: {event_id: id}\n", 5, "lacks time, account_id"),
        (PLAIN + "  source_ip: ip\n", 9, "allowed here: account_id"),
        (PLAIN + "  model: a..b\n", 9, "keys joined by dots"),
        (PLAIN + "  model: []\n", 9, "empty list"),
        (PLAIN + "  model: {from: a, as: shout}\n", 9, "one of text, header"),
        (PLAIN + "  model: {from: a, value: b}\n", 9, "one of from, value"),
        (PLAIN + "  model: {from: a, as: header}\n", 9, "name: user-agent"),
        (PLAIN + "  model: {from: a, asserted: true}\n", 9, "only a source of account_id"),
        (PLAIN + "  model: {from: a, role: user}\n", 9, "only turns have a role"),
        (PLAIN + "  model: {any: [x]}\n", 9, "only refused and blocked"),
        (PLAIN + "  model: {digest: record}\n", 9, "only an event_id"),
        (PLAIN + "  input_tokens: {value: many}\n", 9, "cannot be that"),
        (PLAIN + "  refused: {any: [{path: x, in: [1], contains: [2]}]}\n", 9, "asks one thing"),
        (PLAIN + "  refused: {any: [{path: x, at_least: many}]}\n", 9, "compares with a number"),
        (PLAIN + "decode: [{path: a, as: rot13}]\n", 9, "one of json, base64"),
        (PLAIN + "decode: [{path: 'a[].b', as: json}]\n", 9, "one place"),
        (PLAIN + "join: {key: k, parts: {one: {recognise: x}}}\n", 9, "2 to 8 parts"),
        (PLAIN + "join: {key: k, wait_seconds: 0, parts: {a: {recognise: x}, b: {recognise: y}}}\n", 9, "more than 0"),
        (PLAIN + "client: {socket: ip}\n", 9, "headers, peer, recorded"),
        (PLAIN + "x: &a [1]\ny: *a\n", 10, "aliases"),
        (PLAIN + "  model: a\n  model: b\n", 10, "twice"),
        ("- 1\n", 1, "mapping of keys"),
    ],
)
def test_a_fault_names_file_line_and_what_is_allowed(text: str, line: int, said: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_specification(text, Path("acme.yaml"))
    assert raised.value.where == f"acme.yaml:{line}"
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", 1), ('"x.y".z', 2), ("l[0].v", 3), ("l[].v", [3, 4]), ("l[5].v", None), ("m[][]", [1, 2, 3]),
        ("a.b.c", None), ("l.v", None), ("no[].v", None),
    ],
)  # fmt: skip
def test_paths_lead_where_they_say(path: str, found: Any) -> None:
    record = {"a": {"b": 1}, "x.y": {"z": 2}, "l": [{"v": 3}, {"v": 4}, {}], "m": [[1, 2], [3]]}
    assert lookup(parse_path(path))(record) == found


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a b", "[0]", "a[x]", "a[", '"a', "a]b", "a" * 300])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(path)


def test_the_first_that_says_something_wins_and_the_others_are_kept() -> None:
    said = event(PLAIN + "  model: [a, b]\n  org_id: {from: [c, d]}\n", a="", b="m", c="x", d="y")
    assert (said.model, said.org_id) == ("m", "x")
    assert said.attributes == {"kind": "acme", "account_from": "who", "d": "y"}


def test_a_value_that_cannot_be_what_the_field_wants_is_kept() -> None:
    said = event(PLAIN + "  input_tokens: t\n  asn: as\n  duration_ms: d\n", **{"t": "many", "as": "AS64500", "d": -1})
    assert (said.input_tokens, said.asn, said.duration_ms) == (None, 64500, None)
    assert said.attributes is not None
    assert (said.attributes["t"], said.attributes["d"]) == ("many", -1)


@pytest.mark.parametrize(
    ("how", "value", "time"),
    [
        ("time", "2026-03-02T12:00:00.25+02:00", 1772445600.25),
        ("time", "2026-03-02T10:00:00.2500000Z", 1772445600.25),
        ("time", "2026-03-02 10:00:00.25", 1772445600.25),
        ("epoch-seconds", 1772445600.25, 1772445600.25),
        ("epoch-seconds", "1772445600.25", 1772445600.25),
        ("epoch-milliseconds", 1772445600250, 1772445600.25),
        ("epoch-microseconds", 1772445600250000, 1772445600.25),
        ("epoch-nanoseconds", "1772445600250000000", 1772445600.25),
    ],
)
def test_times_are_read_as_the_mapping_says(how: str, value: Any, time: float) -> None:
    text = PLAIN.replace("time: at", f"time: {{from: at, as: {how}}}")
    assert event(text, at=value).time.timestamp() == time


@pytest.mark.parametrize("value", ["yesterday", -1, 10**30, float("nan"), True, [], {}, "9" * 400])
@pytest.mark.parametrize("how", ["time", "epoch-seconds", "epoch-nanoseconds"])
def test_what_is_no_time_is_refused(how: str, value: Any) -> None:
    text = PLAIN.replace("time: at", f"time: {{from: at, as: {how}}}")
    with pytest.raises(InvalidInput, match="acme finds no time"):
        event(text, at=value)


def test_an_asserted_account_is_marked_in_its_id() -> None:
    text = PLAIN.replace("account_id: who", "account_id: [key, {from: who, asserted: true}]")
    only_asserted, authenticated = event(text), event(text, key="k")
    assert (only_asserted.account_id, authenticated.account_id) == ("asserted:a", "k")
    assert only_asserted.attributes is not None
    assert only_asserted.attributes["account_asserted"] is True
    assert authenticated.attributes == {"kind": "acme", "account_from": "key"}


def test_sources_hold_only_when_their_tests_do() -> None:
    text = PLAIN + "  operation:\n    - {value: embeddings, when: {path: n, at_least: 3}}\n    - {value: chat}\n"
    assert [event(text, n=n).operation for n in (2, 3, "4", None)] == ["chat", "embeddings", "embeddings", "chat"]


def test_records_without_ids_get_a_digest() -> None:
    text = PLAIN.replace("event_id: id", "event_id: {digest: record}")
    assert event(text, x=1).event_id == event(text, x=1).event_id != event(text, x=2).event_id


def test_records_inside_lists_and_texts_are_unpacked() -> None:
    compiled = mapping("records: ['batch[].message', items]\n" + PLAIN)
    assert list(compiled.records({"batch": [{"message": json.dumps(RECORD)}, {"message": "no"}]})) == [RECORD]
    assert list(compiled.records({"items": [RECORD, RECORD]})) == [RECORD, RECORD]
    assert list(compiled.records(dict(RECORD))) == [RECORD]
    assert compiled.recognises({"items": [RECORD]})
    assert not compiled.recognises({"items": [{"kind": "other"}]})


@pytest.mark.parametrize(
    ("how", "packed"),
    [
        ("json", '{"m": "x"}'),
        ("base64-json", "eyJtIjogIngifQ=="),
        ("stream", '{"m": "x"}'),
        ("json", {"m": "x"}),
    ],
)
def test_packed_bodies_are_unpacked(how: str, packed: Any) -> None:
    assert event(f"decode: [{{path: body, as: {how}}}]\n{PLAIN}  model: body.m\n", body=packed).model == "x"


@pytest.mark.parametrize("packed", ["{", "[" * 100_000, "\ud800", "data: {", "data: 1", "%%%", 7, None, True])
@pytest.mark.parametrize("how", ["json", "base64", "base64-json", "stream"])
def test_a_body_that_cannot_be_unpacked_stays_as_it_is(how: str, packed: Any) -> None:
    said = event(f"decode: [{{path: body, as: {how}}}]\n" + PLAIN, body=packed)
    assert said.attributes is not None
    assert said.attributes.get("body") in (packed, [1])


def test_headers_are_found_whatever_their_case_and_shape() -> None:
    text = PLAIN + "  user_agent: {from: h, as: header, name: User-Agent}\nclient: {peer: [ip], headers: [h]}\n"
    shapes: list[Any] = [
        {"user-AGENT": "c/1", "X-Forwarded-For": "198.51.100.1,203.0.113.9"},
        {"User-Agent": ["c/1"], "X-Forwarded-For": ["198.51.100.1", "203.0.113.9"]},
        [["User-Agent", "c/1"], ["x-forwarded-for", "198.51.100.1"], ["X-Forwarded-For", "203.0.113.9"]],
        [{"name": "user-agent", "value": "c/1"}, {"key": "X-Forwarded-For", "value": "203.0.113.9"}],
    ]
    for shape in shapes:
        said = mapping(text, "10.0.0.0/8").event({**RECORD, "h": shape, "ip": "10.0.0.1"})
        assert (said.user_agent, said.source_ip, said.ip_source) == ("c/1", "203.0.113.9", "trusted_proxy")
        assert event(text, h=shape, ip="10.0.0.1").ip_source == "socket"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
EVERYTHING = (
    PLAIN
    + """  input: [{from: i, as: messages}, {from: j, as: prompt}]
  output: {from: o, as: choices}
  tool_calls: [o, i]
  tools_offered: t
  input_tokens: n
  refused: {any: [{path: i, contains: [x]}, {path: 'o[].z', at_least: 1}, {path: n, in: [1]}]}
  blocked: b
  country: c
  asn: n
  duration_ms: {from: d, as: seconds}
  finish_reason: 'o[].finish_reason'
client: {peer: [p], headers: [h], recorded: [r]}
decode: [{path: o, as: stream}, {path: i, as: json}]
"""
)
EVERY_FIELD = mapping(EVERYTHING, "10.0.0.0/8")


@given(st.dictionaries(st.sampled_from("ijotnbcdhpr"), json_values))
@settings(max_examples=400, deadline=None)
def test_whatever_a_record_holds_the_event_is_one_that_the_schema_allows(values: dict[str, Any]) -> None:
    said = EVERY_FIELD.event({**RECORD, **values})
    # Through the types once more: closures build the event without asking them.
    assert msgspec.convert(msgspec.structs.asdict(said), SentEvent) == said or "nan" in repr(said)


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_no_field_takes_is_kept(values: dict[str, Any]) -> None:
    kept = event(PLAIN, **{f"x{name}": value for name, value in values.items()}).attributes or {}
    for name, value in values.items():
        if value not in (None, "", [], {}):
            assert repr(kept[f"x{name}"]) == repr(value)


def test_the_name_of_a_builtin_format_is_taken(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(PLAIN.replace("name: acme", "name: litellm"))
    with pytest.raises(InvalidInput, match="taken by this software"):
        load_mappings([tmp_path], taken=["litellm"])
