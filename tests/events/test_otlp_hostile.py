"""Hostile requests: a bad record is rejected with its reason, its neighbours are taken, nothing crashes or hangs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from event_making import store_in, stored
from otlp_making import (
    any_json,
    any_message,
    chat,
    log,
    logs_json,
    logs_protobuf,
    span,
    traces_json,
    traces_protobuf,
)
from stormwatch.events.otlp_intake import OtlpIntake
from stormwatch.events.otlp_records import OtlpReader
from stormwatch.events.readers.otlp.names import attribute_names
from stormwatch.events.store import EventStore
from stormwatch.model.errors import InvalidInput
from stormwatch.storage.keyring import Keyring

READER = OtlpReader(Keyring(b"k" * 32), 1 << 20)
NAMES = attribute_names()
SAID = sorted(
    {
        *NAMES.recognised_by,
        *(name for names in (*NAMES.texts.values(), *NAMES.counts.values()) for name in names),
        *NAMES.messages.system,
        *NAMES.messages.input,
        *NAMES.messages.output,
        *NAMES.finish_reasons,
        *NAMES.tools,
        *NAMES.client.peer,
        *NAMES.client.user_agent,
        *NAMES.client.forwarded,
        "enduser.id",
        "gen_ai.prompt.1.content",
        "gen_ai.prompt.99999999999.role",
        "gen_ai.prompt.x",
        "gen_ai.completion.0.tool_calls.0.arguments",
        "llm.request.functions.0.name",
        "request.key",
    }
)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(['[{"role":"user","content":[1]}]', '{"messages":5}', "[[]]", "{", "[1,null]", '"\\ud800"']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(SAID), PLAIN, max_size=8)
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = store_in(tmp_path / "home", max_record_bytes=100_000)
    yield opened
    opened.close()


@QUICK
@given(attributes=ATTRIBUTES, inside=ATTRIBUTES, event=st.sampled_from(sorted(NAMES.events)), resource=ATTRIBUTES)
def test_any_value_under_any_name_is_read_or_rejected(
    attributes: dict[str, Any], inside: dict[str, Any], event: str, resource: dict[str, Any]
) -> None:
    spans = [span(1, {"gen_ai.system": "x", **attributes}, events=[{"name": event, "attributes": inside}]), chat(2)]
    for records in (
        READER.traces(traces_protobuf(spans, resource), is_json=False),
        READER.traces(traces_json(spans, resource), is_json=True),
    ):
        assert len(records.events) + len(records.rejected) + records.ignored == 2
        assert records.events


@QUICK
@given(body=PLAIN, attributes=ATTRIBUTES, event=st.sampled_from([*sorted(NAMES.events), "other"]))
def test_any_log_record_is_read_or_rejected(body: Any, attributes: dict[str, Any], event: str) -> None:
    records = [log(1, event, body, attributes)]
    for read in (
        READER.logs(logs_protobuf(records), is_json=False),
        READER.logs(logs_json(records), is_json=True),
    ):
        assert len(read.parts.messages) + len(read.rejected) + read.ignored == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceSpans",
                    "resource",
                    "scopeSpans",
                    "spans",
                    "attributes",
                    "key",
                    "value",
                    "stringValue",
                    "traceId",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@QUICK
@given(value=st.dictionaries(st.sampled_from(["resourceSpans", "resourceLogs"]), JSON_VALUES))
def test_any_json_is_read_or_refused(value: dict[str, Any]) -> None:
    for read in (READER.traces, READER.logs):
        with suppress(InvalidInput):
            read(json.dumps(value).encode(), is_json=True)


WHOLE = traces_protobuf([chat(1), chat(2)])


@QUICK
@given(st.data())
def test_damaged_protobuf_is_read_as_far_as_it_goes_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for read in (READER.traces, READER.logs):
        with suppress(InvalidInput):
            read(cut, is_json=False)


def one(**fields: Any) -> dict[str, Any]:
    return {**chat(1), **fields}


BAD_SPANS = {
    "no ids": (one(traceId="", spanId=""), "no trace id"),
    "an id of zeros": (one(traceId="0" * 32), "no trace id"),
    "a short id": (one(traceId="ab" * 8), "no trace id"),
    "no start": (one(startTimeUnixNano="0"), "no start time"),
    "a start beyond all time": (one(startTimeUnixNano=str(2**64 - 1)), "time lies outside"),
    "1999": (one(startTimeUnixNano=str(930_000_000 * 10**9)), "time lies outside"),
    "a long account": (chat(1, **{"enduser.id": "x" * 300}), "longer than 256"),
    "a secret for an account": (chat(1, **{"enduser.id": "sk-" + "0123456789abcdef" * 2}), "holds a secret"),
}


@pytest.mark.parametrize("as_json", [False, True], ids=["protobuf", "json"])
@pytest.mark.parametrize(("bad", "reason"), BAD_SPANS.values(), ids=BAD_SPANS.keys())
def test_a_bad_span_costs_itself_alone(store: EventStore, bad: dict[str, Any], reason: str, as_json: bool) -> None:
    body = (traces_json if as_json else traces_protobuf)([chat(2), bad, chat(3)])
    report = OtlpIntake(store).traces(body, is_json=as_json, collector="c", source="s")
    assert (report.accepted, report.rejected) == (2, 1)
    assert reason in report.first_reasons[0]
    assert report.quarantine is not None


WRONG_JSON = {
    "a number for an id": ("traceId", 5, "traceId"),
    "no hexadecimal": ("traceId", "zz" * 16, "traceId"),
    "a text for attributes": ("attributes", "x", "attributes"),
    "an attribute that is a text": ("attributes", ["x"], "attributes"),
    "a value of the wrong type": ("attributes", [{"key": "a", "value": {"stringValue": 5}}], "stringValue"),
    "a count that is none": ("attributes", [{"key": "a", "value": {"intValue": "1e9"}}], "intValue"),
    "a time that is none": ("startTimeUnixNano", "soon", "startTimeUnixNano"),
    "a span that is a number": (None, 7, ""),
}


@pytest.mark.parametrize(("field", "value", "reason"), WRONG_JSON.values(), ids=WRONG_JSON.keys())
def test_a_span_of_the_wrong_type_costs_itself_alone(
    store: EventStore, field: str | None, value: Any, reason: str
) -> None:
    made = json.loads(traces_json([chat(1), chat(2)]))
    spans = made["resourceSpans"][0]["scopeSpans"][0]["spans"]
    if field is None:
        spans[0] = value
    else:
        spans[0][field] = value
    report = OtlpIntake(store).traces(json.dumps(made).encode(), is_json=True, collector="c", source="s")
    assert (report.accepted, report.rejected) == (1, 1)
    assert reason in report.first_reasons[0]


def test_a_text_that_is_not_utf8_costs_its_span_alone(store: EventStore) -> None:
    body = traces_protobuf([chat(1, "MARK"), chat(2)]).replace(b"MARK", b"\xff\xfe\xff\xfe")
    report = OtlpIntake(store).traces(body, is_json=False, collector="c", source="s")
    assert (report.accepted, report.rejected) == (1, 1)
    assert "UTF-8" in report.first_reasons[0]


def nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = [value]
    return value


def test_deep_nesting_is_read_or_rejected_and_its_neighbours_are_taken(store: EventStore) -> None:
    intake = OtlpIntake(store)
    deep = "[" * 40_000 + "]" * 40_000
    report = intake.traces(
        traces_protobuf([chat(1, **{"gen_ai.output.messages": deep}), chat(2)]),
        is_json=False,
        collector="c",
        source="s",
    )
    assert report.accepted == 2
    for depth in (20, 63, 200):
        made = json.loads(traces_json([chat(3), chat(4 + depth)]))
        first = made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        first["attributes"].append({"key": "deep", "value": any_json(nested(depth))})
        told = intake.traces(json.dumps(made).encode(), is_json=True, collector=f"c{depth}", source="s")
        assert told.accepted + told.rejected == 2
        assert told.accepted >= 1
    request = ExportTraceServiceRequest.FromString(traces_protobuf([chat(5), chat(6)]))
    first_span = request.resource_spans[0].scope_spans[0].spans[0]
    first_span.attributes.add(key="deep").value.CopyFrom(any_message(nested(25)))
    assert intake.traces(request.SerializeToString(), is_json=False, collector="d", source="s").accepted == 2
    raw = b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(InvalidInput):
        intake.traces(raw, is_json=True, collector="c", source="s")


def test_endless_attributes_and_long_records_are_bounded(store: EventStore) -> None:
    many = {f"a.{number}": "x" for number in range(20_000)}
    numbered = {f"gen_ai.prompt.{number}.content": "x" for number in range(15_000)}
    report = OtlpIntake(store).traces(
        traces_protobuf([chat(1, **many), chat(2), chat(3, **numbered)]), is_json=False, collector="c", source="s"
    )
    assert (report.accepted, report.rejected) == (2, 1)
    assert "longer than 100000 bytes" in report.first_reasons[0]
    assert stored(store).num_rows == 2


@pytest.mark.parametrize("body", [b"\x0a\xff\xff\xff\xff\x0f", b"not protobuf at all", b"\x0a\x05ab", b"\xff" * 30])
def test_what_is_no_protobuf_is_refused_whole(store: EventStore, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        OtlpIntake(store).traces(body, is_json=False, collector="c", source="s")


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b'{"resourceSpans": 5}', b'{"resourceSpans": [5]}'])
def test_what_is_no_json_request_is_refused_whole(store: EventStore, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        OtlpIntake(store).traces(body, is_json=True, collector="c", source="s")


def test_an_empty_request_is_one(store: EventStore) -> None:
    assert OtlpIntake(store).traces(b"", is_json=False, collector="c", source="s").accepted == 0
    assert OtlpIntake(store).traces(b"{}", is_json=True, collector="c", source="s").accepted == 0
