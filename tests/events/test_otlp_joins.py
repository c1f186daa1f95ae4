"""What telemetry tells in other spans and in log records reaches the event, in whatever order and request it comes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from event_making import store_in, stored, texts
from otlp_making import chat, log, logs_protobuf, server, span, span_id, traces_json, traces_protobuf
from stormwatch.events.client_address import TrustedProxies
from stormwatch.events.otlp_intake import OtlpIntake
from stormwatch.events.quarantine import quarantine_files, read_quarantine
from stormwatch.events.span_join import waiting_folder
from stormwatch.events.store import EventStore
from stormwatch.model.times import MINUTE

CHILD = {**chat(2), "parentSpanId": span_id(1)}
PARENT = server(1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = store_in(tmp_path / "home")
    yield opened
    opened.close()


def send(store: EventStore, *spans: dict[str, Any], collector: str = "gateway", as_json: bool = False) -> None:
    body = (traces_json if as_json else traces_protobuf)(spans)
    OtlpIntake(store).traces(body, is_json=as_json, collector=collector, source="test")


def send_logs(store: EventStore, *records: dict[str, Any]) -> None:
    OtlpIntake(store).logs(logs_protobuf(records), is_json=False, collector="gateway", source="test")


def clients(store: EventStore) -> list[tuple[Any, ...]]:
    rows = stored(store).select(["source_ip", "ip_source", "user_agent"]).to_pylist()
    return [tuple(row.values()) for row in rows]


def let_the_time_pass(store: EventStore) -> None:
    for path in waiting_folder(store.home).glob("*"):
        earlier = path.stat().st_mtime - 16 * MINUTE / 1_000_000
        os.utime(path, (earlier, earlier))


KNOWN = [("203.0.113.7", "asserted", "acme/1.2")]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("spans", [(CHILD, PARENT), (PARENT, CHILD)])
def test_within_one_request(store: EventStore, spans: Sequence[dict[str, Any]], as_json: bool) -> None:
    send(store, *spans, as_json=as_json)
    assert clients(store) == KNOWN


@pytest.mark.parametrize("first", [CHILD, PARENT])
@pytest.mark.parametrize("compacted_between", [False, True])
def test_in_two_requests_in_either_order(store: EventStore, first: dict[str, Any], compacted_between: bool) -> None:
    send(store, first)
    if compacted_between:
        store.compact()
    send(store, PARENT if first is CHILD else CHILD)
    assert clients(store) == KNOWN


@pytest.mark.parametrize(
    ("peer", "header", "known"),
    [
        ("192.0.2.10", "198.51.100.4, 203.0.113.9", ("203.0.113.9", "trusted_proxy")),
        ("192.0.2.10", "203.0.113.9, 192.0.2.11", ("203.0.113.9", "trusted_proxy")),
        ("198.51.100.4", "203.0.113.9", ("198.51.100.4", "asserted")),  # no proxy of ours wrote that header
        ("192.0.2.10", "192.0.2.10", ("192.0.2.10", "asserted")),  # the server took its peer from the header
    ],
)
def test_a_header_counts_where_a_proxy_of_ours_wrote_it(
    store: EventStore, peer: str, header: str, known: tuple[str, str]
) -> None:
    said = {"network.peer.address": peer, "http.request.header.x-forwarded-for": [header]}
    spans = [CHILD, {**PARENT, "attributes": said}]
    intake = OtlpIntake(store, TrustedProxies.of(["192.0.2.0/24"]))
    intake.traces(traces_protobuf(spans), is_json=False, collector="gateway", source="test")
    ((address, basis, _),) = clients(store)
    assert (address, basis) == known


def test_through_spans_in_between(store: EventStore) -> None:
    inner = span(3, {}, name="route", kind=1, parentSpanId=span_id(1))
    send(store, {**CHILD, "parentSpanId": span_id(3)}, inner)
    send(store, PARENT)
    assert clients(store) == KNOWN


def test_an_address_of_its_own_stays(store: EventStore) -> None:
    own = chat(2, **{"client.address": "198.51.100.4"})
    send(store, {**own, "parentSpanId": span_id(1)}, PARENT)
    assert clients(store) == [("198.51.100.4", "asserted", "acme/1.2")]


def test_another_collector_adds_nothing(store: EventStore) -> None:
    send(store, CHILD)
    send(store, PARENT, collector="somebody else")
    store.compact()
    send(store, PARENT, collector="somebody else")
    assert clients(store) == [(None, None, None)]


def test_the_amended_segment_keeps_its_name_rows_and_texts(store: EventStore) -> None:
    send(store, chat(7, "first"), CHILD, chat(9, "last"))
    before = stored(store)
    send(store, PARENT)
    after = stored(store)
    assert after.drop(["source_ip", "ip_source", "user_agent"]) == before.drop(["source_ip", "ip_source", "user_agent"])
    assert [text.event_id for text in texts(store)] == after["event_id"].to_pylist()
    assert len(store.lake.files("events")) == len(store.lake.files("texts")) == 1
    assert after["source_ip"].to_pylist() == [None, "203.0.113.7", None]


def test_nothing_waits_for_ever(store: EventStore) -> None:
    send(store, CHILD)
    store.compact()
    assert not store.has_pending()
    let_the_time_pass(store)
    assert store.has_pending()
    store.compact()
    assert not store.has_pending()
    assert not list(waiting_folder(store.home).glob("*"))
    send(store, PARENT)
    assert clients(store) == [(None, None, None)]


BARE = span(2, {"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "enduser.id": "acct-1"})
ASKED = [
    log(2, "gen_ai.system.message", {"content": "be brief"}),
    log(2, "gen_ai.user.message", {"content": "hello there"}),
]
CALL = {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"q":1}'}}
ANSWERED = log(
    2,
    "gen_ai.choice",
    {"index": 0, "finish_reason": "tool_calls", "message": {"content": "an answer", "tool_calls": [CALL]}},
)


def said(store: EventStore) -> list[Any]:
    stored(store)
    return [
        (
            [(turn.role, turn.content) for turn in text.input],
            [(turn.role, turn.content) for turn in text.output],
            [(call.name, call.arguments) for call in text.tool_calls],
        )
        for text in texts(store)
    ]


WHOLE = [([("system", "be brief"), ("user", "hello there")], [("assistant", "an answer")], [("lookup", '{"q":1}')])]


@pytest.mark.parametrize("order", ["logs first", "span first", "span between"])
@pytest.mark.parametrize("compacted_between", [False, True])
def test_log_records_bring_the_messages_of_their_span(store: EventStore, order: str, compacted_between: bool) -> None:
    def pause() -> None:
        if compacted_between:
            store.compact()

    if order != "logs first":
        send(store, BARE) if order == "span first" else send_logs(store, *ASKED)
        pause()
        send_logs(store, *ASKED) if order == "span first" else send(store, BARE)
        pause()
        send_logs(store, ANSWERED)
    else:
        send_logs(store, *ASKED, ANSWERED)
        pause()
        send(store, BARE)
    assert said(store) == WHOLE
    (row,) = stored(store).to_pylist()
    assert (row["prompt_chars"], row["tool_calls"], row["script"]) == (len("be brief\nhello there"), 1, "Latn")
    assert row["prompt_hash"] == store.keyring.keyed_hash("prompt", "be brief\nhello there")
    assert row["finish_reason"] == "tool_calls"


def test_log_records_sent_twice_are_told_once(store: EventStore) -> None:
    send_logs(store, *ASKED)
    send_logs(store, *ASKED)
    send(store, BARE)
    send_logs(store, ANSWERED)
    store.compact()
    send_logs(store, *ASKED, ANSWERED)
    assert said(store) == WHOLE


def test_messages_in_span_and_log_record_are_told_once(store: EventStore) -> None:
    details = {"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]}
    send(store, chat(2, "hello"))
    send_logs(
        store, log(2, "gen_ai.client.inference.operation.details", None, {**details, "gen_ai.operation.name": "chat"})
    )
    store.compact()
    let_the_time_pass(store)
    assert said(store) == [([("user", "hello")], [], [])]


def test_without_a_span_a_log_record_that_names_an_account_becomes_an_event_in_the_end(store: EventStore) -> None:
    details = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": [{"role": "user", "content": "hello"}]}
    record = log(2, "gen_ai.client.inference.operation.details", None, {**details, "user.id": "acct-9"})
    send_logs(store, record)
    assert stored(store).num_rows == 0
    let_the_time_pass(store)
    assert stored(store)["account_id"].to_pylist() == ["acct-9"]
    assert said(store) == [([("user", "hello")], [], [])]
    assert stored(store).num_rows == 1


def test_without_span_and_account_it_is_kept_in_quarantine_with_the_reason(store: EventStore) -> None:
    send_logs(store, *ASKED)
    store.compact()
    let_the_time_pass(store)
    store.compact()
    (file,) = quarantine_files(store.home)
    (kept,) = read_quarantine(file, store.keyring)
    assert "no span" in kept.reason
    assert b"hello there" in kept.data
