"""The shipped mappings on records in the shapes that the services really log: OpenAI, Bedrock, Azure API Management."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from event_making import ndjson, store_in, stored, texts
from stormwatch.events.ingest import ingest_bytes
from stormwatch.events.readers.choice import shipped_formats
from stormwatch.events.readers.mapped import MappedReader
from stormwatch.events.sent import SentEvent
from stormwatch.events.store import EventStore
from stormwatch.model.errors import InvalidInput


@pytest.fixture
def store(tmp_path: Any) -> EventStore:
    return store_in(tmp_path / "home")


def read(name: str, *records: dict[str, Any]) -> list[SentEvent]:
    """The events in records of a shipped format; a record that gives none fails the test."""
    reader: MappedReader[int] = MappedReader(shipped_formats().mappings[name])
    outcomes = [outcome for number, record in enumerate(records) for outcome in reader.read(line(record), number)]
    outcomes += reader.rest()
    assert not [outcome.reason for outcome in outcomes if outcome.event is None]
    return [outcome.event for outcome in outcomes if outcome.event is not None]


def line(record: Any) -> bytes:
    return json.dumps(record).encode()


def said(event: SentEvent) -> list[tuple[str, str | None]]:
    return [(message.role, message.content) for message in (*(event.input or ()), *(event.output or ()))]


def calls(event: SentEvent) -> list[tuple[str, Any]]:
    return [(call.name, call.arguments) for call in event.tool_calls or ()]


FUNCTION = {"type": "function", "function": {"name": "search", "parameters": {}}}
CHAT_REQUEST = {
    "model": "gpt-4o",
    "user": "cust-7",
    "temperature": 0.2,
    "messages": [
        {"role": "developer", "content": "be brief"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "x"}}],
        },
        {"role": "tool", "tool_call_id": "c0", "content": "found"},
    ],
    "tools": [FUNCTION, {"type": "custom", "custom": {"name": "shell"}}],
}


def completion(**message: Any) -> dict[str, Any]:
    """A chat completion as OpenAI's own client has it."""
    made = ChatCompletion.model_validate(
        {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1772445600, "model": "gpt-4o-2024",
            "choices": [
                {
                    "index": 0, "finish_reason": "stop", "logprobs": None,
                    "message": {"role": "assistant", "content": None, "refusal": None, **message},
                }
            ],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
    )  # fmt: skip
    return made.model_dump(mode="json")


def pair(response: Any, request: Any = CHAT_REQUEST, **envelope: Any) -> dict[str, Any]:
    return {"request_id": "r-1", "time": "2026-03-02T10:00:00Z", "account_id": "acct-1", **envelope,
            "request": request, "response": response}  # fmt: skip


def test_a_chat_completion() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q":"x"}'}}
    (event,) = read("openai", pair(completion(content="yes", tool_calls=[call]), client={"socket_ip": "203.0.113.9"}))
    assert (event.event_id, event.account_id, event.end_user_id, event.model) == (
        "r-1",
        "acct-1",
        "cust-7",
        "gpt-4o-2024",
    )
    assert said(event) == [
        ("developer", "be brief"),
        ("user", 'see\n{"image_url":{"url":"x"},"type":"image_url"}'),
        ("tool", "found"),
        ("assistant", "yes"),
    ]
    assert (calls(event), event.tools_offered) == ([("search", '{"q":"x"}')], ["search", "shell"])
    assert (event.input_tokens, event.output_tokens, event.finish_reason, event.refused) == (11, 7, "stop", False)
    assert (event.source_ip, event.ip_source, event.operation) == ("203.0.113.9", "socket", "chat")
    assert event.attributes is not None
    assert event.attributes["request"]["temperature"] == 0.2
    assert event.attributes["account_from"] == "account_id"


def test_a_refusal_counts_and_is_what_was_said() -> None:
    (event,) = read("openai", pair(completion(refusal="I cannot help with that.")))
    assert event.refused is True
    assert said(event)[-1] == ("assistant", "I cannot help with that.")


@pytest.mark.parametrize("nested", [False, True], ids=["plain", "below body"])
@pytest.mark.parametrize("packed", [False, True], ids=["structure", "text"])
def test_bodies_may_be_nested_and_packed(nested: bool, packed: bool) -> None:
    bodies: list[Any] = [CHAT_REQUEST, completion(content="yes")]
    if packed:
        bodies = [json.dumps(body) for body in bodies]
    if nested:
        bodies = [{"headers": {"User-Agent": "client/1"}, "body": body} for body in bodies]
    (event,) = read("openai", pair(bodies[1], bodies[0]))
    assert said(event)[-1] == ("assistant", "yes")
    assert (event.input_tokens, event.user_agent) == (11, "client/1" if nested else None)


def chunks() -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": "y"},
        {"content": "es", "tool_calls": [{"index": 0, "id": "c", "function": {"name": "search", "arguments": '{"q"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ':"x"}'}}]},
        {},
    ]
    made = [
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1772445600, "model": "gpt-4o-2024",
         "choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else "tool_calls"}]}
        for delta in deltas
    ]  # fmt: skip
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    made.append({**made[0], "choices": [], "usage": usage})
    return [ChatCompletionChunk.model_validate(chunk).model_dump(mode="json", exclude_none=True) for chunk in made]


def test_a_stream_is_put_together() -> None:
    sent_events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks()) + "data: [DONE]\n\n"
    for body in (chunks(), sent_events):
        (event,) = read("openai", pair(body))
        assert said(event)[-1] == ("assistant", "yes")
        assert calls(event) == [("search", '{"q":"x"}')]
        assert (event.output_tokens, event.finish_reason) == (7, "tool_calls")


def response(**fields: Any) -> dict[str, Any]:
    """An answer of the responses API as OpenAI's own client has it."""
    made = Response.model_validate(
        {
            "id": "resp_1", "object": "response", "created_at": 1772445600, "model": "gpt-5", "status": "completed",
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "output": [],
            "usage": {
                "input_tokens": 5, "output_tokens": 6, "total_tokens": 11,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens_details": {"reasoning_tokens": 0},
            },
            **fields,
        }
    )  # fmt: skip
    return made.model_dump(mode="json", exclude_none=True)


def message(*content: dict[str, Any]) -> dict[str, Any]:
    return {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": list(content)}


def test_the_responses_api() -> None:
    request = {
        "model": "gpt-5",
        "instructions": "be brief",
        "safety_identifier": "cust-7",
        "tools": [{"type": "function", "name": "search"}, {"type": "web_search"}],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
            {"type": "function_call", "call_id": "c0", "name": "search", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c0", "output": "found"},
        ],
    }
    output = [
        {"id": "rs", "type": "reasoning", "summary": [{"type": "summary_text", "text": "thinking"}]},
        message({"type": "output_text", "text": "yes", "annotations": []}),
        {"id": "fc", "type": "function_call", "call_id": "c1", "name": "search", "arguments": '{"q":"x"}'},
    ]
    (event,) = read("openai", pair(response(output=output), request))
    assert said(event) == [
        ("system", "be brief"), ("user", "hello"), ("tool", "found"), ("assistant", "thinking"), ("assistant", "yes"),
    ]  # fmt: skip
    assert (calls(event), event.tools_offered) == ([("search", '{"q":"x"}')], ["search", "web_search"])
    assert (event.end_user_id, event.input_tokens, event.output_tokens) == ("cust-7", 5, 6)
    assert (event.finish_reason, event.refused) == ("completed", False)


def test_a_refusal_and_a_cut_of_the_responses_api() -> None:
    refusal = message({"type": "refusal", "refusal": "no"})
    (event,) = read("openai", pair(response(output=[refusal]), {"model": "gpt-5", "input": "hello"}))
    assert (event.refused, said(event)) == (True, [("user", "hello"), ("assistant", "no")])
    cut = response(status="incomplete", incomplete_details={"reason": "content_filter"})
    (event,) = read("openai", pair(cut, {"model": "gpt-5", "input": "hello"}))
    assert (event.refused, event.finish_reason) == (True, "content_filter")
    streamed = [{"type": "response.created", "response": {}}, {"type": "response.completed", "response": response()}]
    (event,) = read("openai", pair(streamed, {"model": "gpt-5", "input": "hello"}))
    assert event.output_tokens == 6


def test_embeddings_completions_and_errors() -> None:
    vectors = {"object": "list", "data": [], "model": "e", "usage": {"prompt_tokens": 2, "total_tokens": 2}}
    (event,) = read("openai", pair(vectors, {"model": "e", "input": ["one", "two"]}))
    assert (event.operation, said(event)) == ("embeddings", [("user", "one"), ("user", "two")])
    completed = {"object": "text_completion", "choices": [{"text": "b", "finish_reason": "stop", "index": 0}]}
    (event,) = read("openai", pair(completed, {"model": "d", "prompt": "a"}))
    assert (event.operation, said(event)) == ("text_completion", [("user", "a"), ("assistant", "b")])
    failed = {"error": {"message": "no", "type": "invalid_request_error", "code": "content_filter"}}
    (event,) = read("openai", pair(failed))
    assert (event.error_type, event.refused, event.output) == ("content_filter", True, None)
    (event,) = read("openai", pair({"error": {"code": "account_suspended"}}))
    assert event.blocked is True


@pytest.mark.parametrize(
    ("envelope", "account"),
    [
        ({"account_id": "a", "api_key_id": "k"}, "a"),
        ({"account_id": None, "auth": {"subject": "s"}}, "s"),
        ({"account_id": None, "key_hash": "k"}, "key:k"),
        ({"account_id": None, "project_id": "p"}, "project:p"),
        ({"account_id": None}, "asserted:cust-7"),
    ],
)
def test_the_account_is_whom_the_gateway_authenticated(envelope: dict[str, Any], account: str) -> None:
    (event,) = read("openai", pair(completion(), **envelope))
    assert event.account_id == account
    assert event.attributes is not None
    assert event.attributes.get("account_asserted", False) is account.startswith("asserted:")


def test_a_pair_that_names_nobody_is_refused() -> None:
    with pytest.raises(InvalidInput, match="openai finds no account_id"):
        read("openai", pair(completion(), {"model": "m", "messages": []}, account_id=None))


ROLE = "arn:aws:sts::111122223333:assumed-role/App/alice"


def invocation(request: Any, answer: Any, **fields: Any) -> dict[str, Any]:
    return {
        "schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "timestamp": "2026-03-02T10:00:00Z",
        "accountId": "111122223333", "identity": {"arn": ROLE}, "region": "us-east-1", "requestId": "b-1",
        "operation": "InvokeModel", "modelId": "anthropic.claude-3",
        "input": {"inputContentType": "application/json", "inputBodyJson": request, "inputTokenCount": 4},
        "output": {"outputContentType": "application/json", "outputBodyJson": answer, "outputTokenCount": 38},
        **fields,
    }  # fmt: skip


CONVERSE = invocation(
    {
        "system": [{"text": "be brief"}],
        "messages": [
            {"role": "user", "content": [{"text": "hello"}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"json": {"n": 1}}]}}]},
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "search"}}]},
        "inferenceConfig": {"maxTokens": 512},
    },
    {
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "yes"},
            {"toolUse": {"toolUseId": "t", "name": "search", "input": {"q": "x"}}},
        ]}},
        "stopReason": "tool_use", "metrics": {"latencyMs": 302},
        "usage": {"inputTokens": 4, "outputTokens": 38},
    },
    operation="ConverseStream",
)  # fmt: skip
ANTHROPIC = invocation(
    {
        "anthropic_version": "bedrock-2023-05-31", "system": "be brief", "max_tokens": 9,
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": '{"n":1}'}]},
        ],
        "tools": [{"name": "search", "input_schema": {}}],
    },
    {
        "role": "assistant", "stop_reason": "tool_use", "usage": {"input_tokens": 4, "output_tokens": 38},
        "content": [
            {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"},
            {"type": "tool_use", "id": "t", "name": "search", "input": {"q": "x"}},
        ],
    },
)  # fmt: skip
STREAMED = {
    **ANTHROPIC,
    "operation": "InvokeModelWithResponseStream",
    "output": {
        "outputTokenCount": 38,
        "outputBodyJson": [
            {"type": "message_start", "message": {"role": "assistant", "usage": {"input_tokens": 4}, "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "ye"}},
            {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "s"}},
            {
                "type": "content_block_start",
                "index": 2,
                "content_block": {"type": "tool_use", "name": "search", "input": {}},
            },
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"q":'}},
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '"x"}'}},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 38}},
        ],
    },
}


@pytest.mark.parametrize("record", [CONVERSE, ANTHROPIC, STREAMED], ids=["converse", "anthropic", "streamed"])
def test_bedrock_bodies_say_the_same_in_every_shape(record: dict[str, Any]) -> None:
    (event,) = read("bedrock", json.loads(json.dumps(record)))
    assert said(event) == [("system", "be brief"), ("user", "hello"), ("user", '{"n":1}'), ("assistant", "hm\nyes")]
    assert [(name, json.loads(a) if isinstance(a, str) else a) for name, a in calls(event)] == [("search", {"q": "x"})]
    assert (event.tools_offered, event.finish_reason, event.operation) == (["search"], "tool_use", "chat")
    assert (event.input_tokens, event.output_tokens, event.refused, event.blocked) == (4, 38, False, False)
    assert (event.account_id, event.end_user_id) == (ROLE.removesuffix("/alice"), "alice")
    assert (event.org_id, event.source_ip, event.ip_source) == ("111122223333", None, None)


def test_a_user_of_bedrock_is_an_account_without_session() -> None:
    arn = "arn:aws:iam::111122223333:user/team/bob"
    (event,) = read("bedrock", invocation({}, {}, identity={"arn": arn}))
    assert (event.account_id, event.end_user_id) == (arn, None)


def test_titan_and_guardrails() -> None:
    titan = {"inputTextTokenCount": 5, "results": [{"outputText": "b", "completionReason": "CONTENT_FILTERED"}]}
    (event,) = read("bedrock", invocation({"inputText": "a"}, titan))
    assert (said(event), event.refused) == ([("user", "a"), ("assistant", "b")], True)
    guarded = {**CONVERSE["output"]["outputBodyJson"], "stopReason": "guardrail_intervened"}
    (event,) = read("bedrock", invocation({}, guarded))
    assert event.refused is True


def test_a_body_in_s3_is_noted_as_absent() -> None:
    record = invocation(None, None, errorCode="AccessDeniedException")
    record["input"] = {"inputBodyS3Path": "s3://logs/b-1_input.json.gz", "inputTokenCount": 40_000}
    del record["output"]
    (event,) = read("bedrock", record)
    assert (event.input, event.input_tokens, event.error_type, event.blocked) == (
        None,
        40_000,
        "AccessDeniedException",
        True,
    )
    assert event.attributes is not None
    assert event.attributes["input"] == {"inputBodyS3Path": "s3://logs/b-1_input.json.gz"}


def test_an_envelope_of_cloudwatch_is_opened(store: EventStore) -> None:
    logged = [
        {"id": "1", "timestamp": 1, "message": json.dumps(CONVERSE)},
        {"id": "2", "timestamp": 2, "message": json.dumps({**ANTHROPIC, "requestId": "b-2"})},
        {"id": "3", "timestamp": 3, "message": json.dumps({**ANTHROPIC, "requestId": None})},
    ]
    envelope = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logEvents": logged}
    report = ingest_bytes(store, ndjson([envelope]), collector="c", source="test")
    assert (report.accepted, report.rejected) == (2, 1)
    assert sorted(stored(store)["event_id"].to_pylist()) == ["b-1", "b-2"]
    assert texts(store)[0].prompt.startswith("be brief")


REQUEST = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello " * 20}]
ANSWER = [{"role": "assistant", "content": "yes"}]


def table_rows() -> list[dict[str, Any]]:
    """One call as Log Analytics exports it: the gateway's row, the counts, and messages split over rows."""
    shared = {"CorrelationId": "c-1", "TenantId": "w", "_ResourceId": "/subscriptions/s"}
    asked = json.dumps(REQUEST)
    gateway = {
        **shared, "Type": "ApiManagementGatewayLogs", "TimeGenerated": "2026-03-02T10:00:00.1234567Z",
        "ApimSubscriptionId": "team-a", "UserId": "42", "CallerIpAddress": "203.0.113.9", "ResponseCode": 200,
        "BackendResponseCode": 200, "TotalTime": 812, "ApiId": "inference", "Method": "POST",
        "RequestHeaders": {"User-Agent": "client/1", "X-Forwarded-For": "198.51.100.1"},
    }  # fmt: skip
    model = {**shared, "Type": "ApiManagementGatewayLlmLog", "TimeGenerated": "2026-03-02T10:00:01Z"}
    return [
        gateway,
        {**model, "SequenceNumber": 0, "ModelName": "gpt-4o", "DeploymentName": "prod", "PromptTokens": 9,
         "CompletionTokens": 3, "TotalTokens": 12},
        {**model, "SequenceNumber": 1, "RequestMessages": asked[:40], "PromptTokens": 0},
        {**model, "SequenceNumber": 2, "RequestMessages": asked[40:], "PromptTokens": 0},
        {**model, "SequenceNumber": 3, "ResponseMessages": json.dumps(ANSWER), "PromptTokens": 0},
    ]  # fmt: skip


def resource_logs() -> list[dict[str, Any]]:
    """The same call as it comes through Event Hubs: camel case below `properties`, several records in one message."""

    def lower(row: dict[str, Any]) -> dict[str, Any]:
        return {name[0].lower() + name[1:]: value for name, value in row.items()}

    records = []
    for row in table_rows():
        kind = "GatewayLogs" if row["Type"] == "ApiManagementGatewayLogs" else "GatewayLlmLogs"
        record = {"time": row["TimeGenerated"], "category": kind, "correlationId": "c-1", "resourceId": "/s"}
        if kind == "GatewayLogs":
            record |= {"callerIpAddress": row["CallerIpAddress"], "durationMs": 812}
        properties = lower(row)
        for name in ("type", "timeGenerated", "callerIpAddress", "tenantId", "totalTime", "correlationId"):
            properties.pop(name, None)
        records.append({**record, "properties": properties})
    return [{"records": records[:2]}, {"records": records[2:]}]


@pytest.mark.parametrize("records", [table_rows(), resource_logs()], ids=["tables", "resource logs"])
def test_rows_of_one_azure_call_are_one_event(records: list[dict[str, Any]]) -> None:
    (event,) = read("azure-apim", *records)
    assert (event.event_id, event.account_id, event.org_id) == ("c-1", "team-a", "apim-user:42")
    assert (event.source_ip, event.ip_source, event.user_agent) == ("203.0.113.9", "socket", "client/1")
    assert (event.model, event.input_tokens, event.output_tokens, event.duration_ms) == ("gpt-4o", 9, 3, 812)
    assert said(event) == [(m["role"], m["content"]) for m in REQUEST + ANSWER]
    assert event.blocked is False


@given(st.permutations(range(5)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_an_azure_calls_rows_does_not_matter(order: list[int]) -> None:
    rows = table_rows()
    assert read("azure-apim", *(rows[number] for number in order)) == read("azure-apim", *rows)


def test_calls_that_arrive_mixed_are_told_apart() -> None:
    rows = [row for pair in zip(table_rows(), table_rows(), strict=True) for row in pair]
    for number, row in enumerate(rows):
        row["CorrelationId"] = f"c-{number % 2}"
    assert [(event.event_id, len(said(event))) for event in read("azure-apim", *rows)] == [("c-0", 3), ("c-1", 3)]


def test_the_gateways_own_no_is_blocked() -> None:
    gateway = {
        **table_rows()[0],
        "ResponseCode": 403,
        "BackendResponseCode": 0,
        "LastErrorReason": "SubscriptionKeyInvalid",
    }
    (event,) = read("azure-apim", gateway)
    assert (event.blocked, event.error_type, event.input) == (True, "SubscriptionKeyInvalid", None)
    (event,) = read("azure-apim", {**gateway, "BackendResponseCode": 403})
    assert event.blocked is False


def test_rows_that_say_nothing_of_who_called_go_to_quarantine_as_they_came(store: EventStore) -> None:
    report = ingest_bytes(store, ndjson(table_rows()[1:]), collector="c", source="test")
    assert (report.accepted, report.rejected) == (0, 1)
    assert "account_id" in report.first_reasons[0].reason


def test_auto_tells_the_formats_of_one_file_apart(store: EventStore) -> None:
    records = [
        pair(completion(content="x")),
        CONVERSE,
        *table_rows(),
        {**pair(completion(content="y")), "request_id": "r-2"},
    ]
    for number, order in enumerate(permutations(range(3))):
        mixed = [records[0], records[1], records[-1]]
        sent = ndjson([mixed[place] for place in order])
        assert ingest_bytes(store, sent, collector=f"c{number}", source="test").accepted == 3
    report = ingest_bytes(store, ndjson(records), collector="all", source="test")
    assert (report.accepted, report.rejected) == (4, 0)
