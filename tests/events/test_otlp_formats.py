"""Three generations of GenAI naming, as protobuf and JSON, give the same event: texts, tools, tokens, account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from event_making import store_in, stored, texts
from otlp_making import chat, log, logs_json, logs_protobuf, span, traces_json, traces_protobuf
from stormwatch.events.ingest import ingest_bytes, ingest_file
from stormwatch.events.otlp_intake import OtlpIntake
from stormwatch.events.quarantine import quarantine_files, read_quarantine
from stormwatch.events.readers.otlp.names import attribute_names
from stormwatch.events.span_join import waiting_folder
from stormwatch.events.span_waiting import WaitingParts
from stormwatch.events.store import EventStore

CALL = {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"q":1}'}}
ASKED = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello there"}]
ANSWERED = [{"role": "assistant", "content": "an answer", "tool_calls": [CALL], "finish_reason": "stop"}]
TOOLS = [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}]
PARTS_IN = [
    {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
    {"role": "user", "parts": [{"type": "text", "content": "hello there"}]},
]
PARTS_OUT = [
    {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "an answer"},
            {"type": "tool_call", "id": "c1", "name": "lookup", "arguments": '{"q":1}'},
        ],
        "finish_reason": "stop",
    }
]
ACCOUNT = {"enduser.id": "acct-1"}
NEW = {
    **ACCOUNT,
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m-small",
    "gen_ai.conversation.id": "s-1",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.response.finish_reasons": ["stop"],
}
MIDDLE = {name: value for name, value in NEW.items() if name != "gen_ai.provider.name"} | {"gen_ai.system": "openai"}
OLD = {
    **ACCOUNT,
    "llm.request.type": "acompletion",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "m-small",
    "session.id": "s-1",
    "gen_ai.usage.prompt_tokens": "11",
    "gen_ai.usage.completion_tokens": "7",
}
NUMBERED = {
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "be brief",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "hello there",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "an answer",
    "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.completion.0.tool_calls.0.name": "lookup",
    "gen_ai.completion.0.tool_calls.0.arguments": '{"q":1}',
    "llm.request.functions.0.name": "lookup",
}
OPENINFERENCE = {
    **ACCOUNT,
    "llm.model_name": "m-small",
    "llm.provider": "openai",
    "session.id": "s-1",
    "gen_ai.operation.name": "chat",
    "llm.token_count.prompt": 11,
    "llm.token_count.completion": 7,
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": "be brief",
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.content": "hello there",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "an answer",
    "llm.output_messages.0.message.finish_reason": "stop",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "lookup",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"q":1}',
    "llm.tools": json.dumps(TOOLS),
}
DEFINED = {"gen_ai.tool.definitions": json.dumps(TOOLS)}


def event(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "attributes": {key.replace("__", "."): value for key, value in attributes.items()}}


def whole(asked: Any, answered: Any, tools: Any = None) -> dict[str, Any]:
    messages = {"gen_ai.input.messages": asked, "gen_ai.output.messages": answered}
    return span(1, {**NEW, "gen_ai.tool.definitions": tools or json.dumps(TOOLS), **messages})


SPANS = {
    "parts as text": whole(json.dumps(PARTS_IN), json.dumps(PARTS_OUT)),
    "parts as structure": whole(PARTS_IN, PARTS_OUT, TOOLS),
    "openai as text": whole(json.dumps(ASKED), json.dumps(ANSWERED)),
    "openai as structure": whole(ASKED, ANSWERED),
    "system instructions": span(
        1,
        {
            **NEW,
            **DEFINED,
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "be brief"}]),
            "gen_ai.input.messages": json.dumps(PARTS_IN[1:]),
            "gen_ai.output.messages": json.dumps(PARTS_OUT),
        },
    ),
    "content events": span(
        1,
        {**MIDDLE, **DEFINED},
        events=[
            event("gen_ai.content.prompt", gen_ai__prompt=json.dumps(ASKED)),
            event("gen_ai.content.completion", gen_ai__completion=json.dumps(ANSWERED)),
        ],
    ),
    "message events": span(
        1,
        {**MIDDLE, **DEFINED},
        events=[
            event("gen_ai.system.message", content="be brief"),
            event("gen_ai.user.message", content="hello there"),
            event("gen_ai.choice", index=0, finish_reason="stop", message=json.dumps(ANSWERED[0])),
        ],
    ),
    "numbered": span(1, {**OLD, **NUMBERED}),
    "openinference": span(1, OPENINFERENCE),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = store_in(tmp_path / "home")
    yield opened
    opened.close()


def take(
    store: EventStore, *spans: dict[str, Any], as_json: bool = False, resource: dict[str, Any] | None = None
) -> Any:
    body = (traces_json if as_json else traces_protobuf)(spans, resource)
    return OtlpIntake(store).traces(body, is_json=as_json, collector="gateway", source="test")


@pytest.mark.parametrize("as_json", [False, True], ids=["protobuf", "json"])
@pytest.mark.parametrize("made", [pytest.param(made, id=name) for name, made in SPANS.items()])
def test_every_generation_gives_the_same_event(store: EventStore, made: dict[str, Any], as_json: bool) -> None:
    report = take(store, made, as_json=as_json)
    assert (report.accepted, report.rejected, report.ignored) == (1, 0, 0)
    (row,) = stored(store).to_pylist()
    (text,) = texts(store)
    assert [(turn.role, turn.content) for turn in text.input] == [("system", "be brief"), ("user", "hello there")]
    assert [(turn.role, turn.content) for turn in text.output] == [("assistant", "an answer")]
    assert [(call.name, call.arguments) for call in text.tool_calls] == [("lookup", '{"q":1}')]
    told = {name: row[name] for name in ("account_id", "session_id", "operation", "provider", "model", "tools_offered")}
    assert told == {
        "account_id": "acct-1",
        "session_id": "s-1",
        "operation": "chat",
        "provider": "openai",
        "model": "m-small",
        "tools_offered": "lookup",
    }
    assert (row["input_tokens"], row["output_tokens"], row["finish_reason"]) == (11, 7, "stop")
    assert (row["duration_ms"], row["time_us"]) == (1000.0, 1_772_445_600_250_000)
    assert json.loads(text.attributes)["account_from"] == "enduser.id"


ACCOUNTS = {
    "the gateway's user": (
        {"metadata.user_api_key_user_id": "u-9", "metadata.user_api_key_hash": "ab12", "enduser.id": "x"},
        {},
        ("u-9", "metadata.user_api_key_user_id", False),
    ),
    "the newer logger's user": (
        {"litellm.metadata.user_api_key_user_id": "u-7"},
        {},
        ("u-7", "litellm.metadata.user_api_key_user_id", False),
    ),
    "the key of a master key's user": (
        {"metadata.user_api_key_user_id": "default_user_id", "metadata.user_api_key_hash": "ab12"},
        {},
        ("key:ab12", "metadata.user_api_key_hash", False),
    ),
    "the team": ({"litellm.team.id": "t-1"}, {}, ("team:t-1", "litellm.team.id", False)),
    "an application's word": ({"user.id": "bob"}, {}, ("bob", "user.id", True)),
    "the resource's": ({}, {"enduser.id": "tenant"}, ("tenant", "enduser.id", True)),
    "the gateway's user on the resource before an asserted one": (
        {"user.id": "bob"},
        {"litellm.metadata.user_api_key_user_id": "u-7"},
        ("u-7", "litellm.metadata.user_api_key_user_id", False),
    ),
}


@pytest.mark.parametrize(("attributes", "resource", "expected"), ACCOUNTS.values(), ids=ACCOUNTS.keys())
def test_the_account_is_whom_the_gateway_authenticated(
    store: EventStore, attributes: dict[str, Any], resource: dict[str, Any], expected: tuple[str, str, bool]
) -> None:
    take(store, span(1, {"gen_ai.operation.name": "chat", **attributes}), resource=resource)
    (row,) = stored(store).to_pylist()
    (text,) = texts(store)
    told = json.loads(text.attributes)
    assert (row["account_id"], told["account_from"], told.get("account_asserted", False)) == expected


def test_an_attribute_that_the_operator_vouches_for_names_the_account(tmp_path: Path) -> None:
    plain = store_in(tmp_path / "home")
    store = EventStore(
        plain.home, plain.keyring, plain.lake, max_record_bytes=1 << 20, account_attributes=("acme.tenant",)
    )
    take(store, span(1, {"gen_ai.operation.name": "chat", "acme.tenant": "t-3", "user.id": "bob"}))
    assert stored(store)["account_id"].to_pylist() == ["t-3"]
    assert "account_asserted" not in texts(store)[0].attributes


def test_a_span_without_an_account_is_rejected_and_says_what_to_do(store: EventStore) -> None:
    report = take(store, span(1, {"gen_ai.operation.name": "chat"}), chat(2))
    assert (report.accepted, report.rejected) == (1, 1)
    assert "otlp_account_attributes" in report.first_reasons[0]


def test_what_tells_of_no_request_is_ignored_and_not_kept(store: EventStore) -> None:
    others = [
        span(1, {"db.system": "postgresql", "enduser.id": "a"}),
        span(2, {"gen_ai.operation.name": "invoke_agent", "enduser.id": "a", "gen_ai.system": "openai"}),
        span(3, {"gen_ai.request.model": "m-small", "enduser.id": "a"}, kind=2),
    ]
    report = take(store, *others, chat(4))
    assert (report.accepted, report.ignored, report.rejected) == (1, 3, 0)


def test_failure_refusal_and_block_are_told(store: EventStore) -> None:
    failed = chat(1, **{"error.type": "429"})
    blocked = {**chat(2), "status": {"code": 2, "message": "Key is blocked. Ask an administrator."}}
    refused = chat(3, **{"gen_ai.response.finish_reasons": ["content_filter"]})
    take(store, failed, blocked, refused)
    rows = stored(store).select(["error_type", "blocked", "refused"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("429", False, False),
        ("unknown", True, False),
        (None, False, True),
    ]


def test_the_same_span_as_protobuf_and_as_json_is_one_event(store: EventStore) -> None:
    assert take(store, chat(1)).accepted == 1
    assert take(store, chat(1), as_json=True).duplicate == 1


RAW = "sk-" + "0123456789abcdef" * 2


def test_raw_keys_reach_neither_store_nor_quarantine(store: EventStore, tmp_path: Path) -> None:
    keys = {"request.key": "custom-" + "q" * 20, "http.request.header.authorization": ["Bearer " + "z" * 30]}
    management = span(1, {**keys, "request.key": RAW}, name="/key/block")
    good = chat(2, f"my key is {RAW}", **keys)
    bad = span(3, {**keys, "gen_ai.operation.name": "chat", "note": RAW, "gen_ai.prompt": f"use {RAW}"})
    take(store, management, good, bad)
    broken = traces_json([management, bad])[:-30] + b"\n" + traces_json([bad]) + b"\n"
    ingest_bytes(store, broken, collector="c", format="otlp", source="file")
    OtlpIntake(store).logs(
        logs_protobuf([log(9, "gen_ai.user.message", {"content": RAW})]), is_json=False, collector="c", source="s"
    )
    store.compact()
    kept = opened(store)
    assert kept
    for secret in (RAW, "custom-" + "q" * 20, "z" * 30):
        assert secret.encode() not in kept


def opened(store: EventStore) -> bytes:
    """Everything below the home that the key opens, as one text."""
    pieces = [repr(text).encode() for text in texts(store)]
    pieces += [
        r.data + r.reason.encode() for f in quarantine_files(store.home) for r in read_quarantine(f, store.keyring)
    ]
    waiting = WaitingParts(waiting_folder(store.home), store.keyring)
    pieces += [repr(waiting.read(waiting.files()).messages.to_pylist()).encode()]
    pieces += [path.read_bytes() for path in store.home.rglob("*") if path.is_file()]
    return b"".join(pieces)


def test_files_as_a_collector_writes_them_are_recognised(store: EventStore, tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    record = log(1, "gen_ai.user.message", {"content": "from the log"})
    bare = span(1, {"gen_ai.operation.name": "chat", "enduser.id": "a"})
    file.write_bytes(traces_json([bare, chat(2)]) + b"\n" + logs_json([record]) + b"\n" + traces_json([]) + b"\n")
    report = ingest_file(store, file, collector="c")
    assert (report.accepted, report.rejected, report.ignored) == (3, 0, 0)
    stored(store)
    assert sorted(text.prompt for text in texts(store)) == ["from the log", "translate this page"]


def test_a_single_object_over_many_lines_is_read(store: EventStore, tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(json.loads(traces_json([chat(1)])), indent=1), encoding="utf-8")
    assert ingest_file(store, file, collector="c").accepted == 1


def test_protobufs_own_json_with_base64_ids_and_names_of_enumerations_is_read(store: EventStore) -> None:
    made = json.loads(traces_json([chat(1), chat(2)]))
    first = made["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    first.update(traceId="TGuJqwELAWjQykJS+WBu7A==", spanId="cl8p/jkVov8=")
    first.update(kind="SPAN_KIND_CLIENT", status={"code": "STATUS_CODE_ERROR"})
    report = OtlpIntake(store).traces(json.dumps(made).encode(), is_json=True, collector="c", source="s")
    assert report.accepted == 2
    assert "4c6b89ab010b0168d0ca4252f9606eec-725f29fe3915a2ff" in stored(store)["event_id"].to_pylist()


def test_no_name_stands_in_two_lists_of_one_kind() -> None:
    names = attribute_names()
    for lists in (names.texts, names.counts):
        for options in lists.values():
            assert len(options) == len(set(options))
    assert names.recognised_by
    assert "request.key" in names.secret


@pytest.mark.shared
def test_telemetry_captured_from_a_real_gateway(store: EventStore, shared: Path) -> None:
    reports = {
        file.name: ingest_file(store, file, collector="c", format="otlp")
        for file in sorted((shared / "samples").glob("otlp.*.json"))
    }
    assert {name: report.accepted for name, report in reports.items() if report.accepted} == {
        "otlp.v1.litellm_request.json": 1,
        "otlp.v2.chat.json": 1,
    }
    assert sum(report.rejected for report in reports.values()) == 0
    rows = {row["account_id"]: row for row in stored(store).to_pylist()}
    assert rows.keys() == {"u-9", "u-7"}
    for row in rows.values():
        assert (row["source_ip"], row["ip_source"], row["user_agent"]) == ("203.0.113.7", "asserted", "acme-client/1.2")
        assert (row["model"], row["input_tokens"], row["output_tokens"]) == ("fake-gpt", 11, 7)
    assert {text.prompt for text in texts(store)} == {"hello, please summarise this text"}
    assert {text.response for text in texts(store)} == {"fake answer"}
