"""LiteLLM's `generic_api` webhook events (1.106): one JSON object to an event as sent.

The account comes from what the gateway authenticated, never from what the caller asserted (docs/events.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from stormwatch.events.client_address import NOBODY_TRUSTED, ClientAddress, TrustedProxies, recorded_address
from stormwatch.events.mapping.scalars import headers
from stormwatch.events.readers.decoding import convert, decode_object
from stormwatch.events.sent import SentEvent
from stormwatch.events.turns import as_text, part_text
from stormwatch.model.errors import InvalidInput

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253_402_300_799.0  # the last a datetime can hold
_OPERATIONS: Final = {
    "completion": "chat",
    "acompletion": "chat",
    "text_completion": "text_completion",
    "atext_completion": "text_completion",
    "embedding": "embeddings",
    "aembedding": "embeddings",
    "responses": "chat",
    "aresponses": "chat",
    "anthropic_messages": "chat",
}
# Who used the proxy's master key is nobody in particular: LiteLLM gives them all this one name.
_SHARED_USER: Final = "default_user_id"
# Mapped to fields of the event, or large and of no use to anyone here.
_DROPPED: Final = frozenset(
    {
        *("messages", "response", "model_map_information", "standard_built_in_tools_params", "startTime", "endTime"),
        *("prompt_tokens", "completion_tokens", "response_time", "user_agent", "requester_ip_address", "end_user"),
    }
)
_DROPPED_INSIDE: Final = frozenset({"additional_headers", "traceback", "model_map_information"})


def read_litellm(data: bytes, proxies: TrustedProxies = NOBODY_TRUSTED) -> SentEvent:
    """The event in one record; InvalidInput says what does not fit."""
    return litellm_event(decode_object(data), proxies)


def litellm_event(value: dict[str, Any], proxies: TrustedProxies = NOBODY_TRUSTED) -> SentEvent:
    """The event in a decoded webhook object."""
    metadata = _object(value.get("metadata"))
    response = _object(value.get("response"))
    error = _object(value.get("error_information"))
    choices = [_object(choice) for choice in _list(response.get("choices"))]
    messages = [_object(choice.get("message")) for choice in choices]
    account, basis = _account(metadata)
    recorded = _first(value.get("requester_ip_address"), metadata.get("requester_ip_address"))
    client = recorded_address(recorded, _headers(metadata), proxies) if recorded else ClientAddress()
    event = {
        "event_id": _first(value.get("litellm_call_id"), value.get("id")),
        "time": _moment(value.get("startTime")),
        "account_id": account,
        "org_id": _first(metadata.get("user_api_key_org_id"), metadata.get("user_api_key_team_id")),
        "end_user_id": _first(metadata.get("user_api_key_end_user_id"), value.get("end_user")),
        "api_key_id": _first(metadata.get("user_api_key_hash")),
        "session_id": _first(value.get("session_id"), _requester(metadata).get("session_id")),
        "source_ip": client.address,
        "ip_source": client.source,
        "user_agent": _first(value.get("user_agent"), metadata.get("user_agent")),
        "operation": _OPERATIONS.get(str(value.get("call_type")), _first(value.get("call_type"))),
        "provider": _first(value.get("custom_llm_provider")),
        "model": _first(value.get("model"), value.get("model_group")),
        "input": [_turn(message) for message in _messages(value.get("messages"))],
        "output": [_turn(message) for message in messages],
        "tools_offered": _tools(_object(value.get("model_parameters"))),
        "tool_calls": [call for message in messages for call in _calls(message)],
        "input_tokens": value.get("prompt_tokens"),
        "output_tokens": value.get("completion_tokens"),
        "finish_reason": _first(*(choice.get("finish_reason") for choice in choices)),
        "error_type": _error_type(value, error),
        "duration_ms": _milliseconds(value),
        "refused": _refused(value, choices, messages),
        "blocked": _blocked(value, error),
        "attributes": {**_rest(value), "account_from": basis},
    }
    return convert({name: item for name, item in event.items() if item is not None}, SentEvent)


def _account(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Whom the gateway authenticated: user, else key, else team; never the asserted end user."""
    user = _first(metadata.get("user_api_key_user_id"))
    if user and user != _SHARED_USER:
        return user, "user_api_key_user_id"
    for prefix, field in (("key", "user_api_key_hash"), ("team", "user_api_key_team_id")):
        found = _first(metadata.get(field))
        if found:
            return f"{prefix}:{found}", field
    raise InvalidInput(
        "metadata names no user, key or team that the gateway authenticated",
        remedy="give the gateway's keys a user, or enable its key check",
    )


def _headers(metadata: Mapping[str, Any]) -> Mapping[str, str] | None:
    """The request's headers as LiteLLM recorded them, by lower-case names; None where it did not."""
    recorded = _object(_requester(metadata).get("headers"))
    if not recorded:
        return None
    return {**headers(_object(metadata.get("requester_custom_headers"))), **headers(recorded)}


def _blocked(value: Mapping[str, Any], error: Mapping[str, Any]) -> bool:
    """The gateway itself said no: 403 without a provider having been asked, or a blocked key, user or team."""
    if value.get("status") != "failure":
        return False
    if str(error.get("error_code")) == "403" and not error.get("llm_provider"):
        return True
    message = as_text(error.get("error_message")) or as_text(value.get("error_str"))
    return " is blocked" in message[:512] or "account_suspended" in message[:512]


def _refused(value: Mapping[str, Any], choices: list[Any], messages: list[Any]) -> bool:
    guardrail = _object(value.get("status_fields")).get("guardrail_status")
    if guardrail in ("guardrail_intervened", "blocked"):
        return True
    if any(choice.get("finish_reason") == "content_filter" for choice in choices):
        return True
    return any(_object(message.get("provider_specific_fields")).get("refusal") for message in messages)


def _error_type(value: Mapping[str, Any], error: Mapping[str, Any]) -> str | None:
    if value.get("status") != "failure":
        return None
    normalised = _first(error.get("normalized_error"))
    if normalised and normalised != "UNCLASSIFIED":
        return normalised
    return _first(error.get("error_class"), error.get("error_code")) or "unknown"


def _moment(seconds: Any) -> datetime:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= _LAST_SECOND:
        raise InvalidInput("startTime is no time in seconds since 1970")
    return _EPOCH + timedelta(microseconds=round(seconds * 1_000_000))


def _milliseconds(value: Mapping[str, Any]) -> float | None:
    seconds = value.get("response_time")
    return seconds * 1000 if isinstance(seconds, int | float) and seconds >= 0 else None


def _turn(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(part_text(part) for part in content)
    return {"role": as_text(message.get("role")) or "user", "content": as_text(content)}


def _messages(messages: Any) -> list[Mapping[str, Any]]:
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    return [message if isinstance(message, dict) else {"content": as_text(message)} for message in _list(messages)]


def _calls(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    functions = [_object(call).get("function") for call in _list(message.get("tool_calls"))]
    functions.append(message.get("function_call"))
    found = [_object(function) for function in functions if function]
    return [{"name": as_text(call.get("name")), "arguments": as_text(call.get("arguments"))} for call in found]


def _tools(parameters: Mapping[str, Any]) -> list[str] | None:
    declared = [*_list(parameters.get("tools")), *_list(parameters.get("functions"))]
    names = [_first(_object(_object(tool).get("function", tool)).get("name")) for tool in declared]
    return [name for name in names if name] or None


def _rest(value: Mapping[str, Any]) -> dict[str, Any]:
    """What no field of an event says, without nulls and without the parts that are dropped."""
    rest: dict[str, Any] = _pruned({name: item for name, item in value.items() if name not in _DROPPED}) or {}
    response = {name: item for name, item in _object(value.get("response")).items() if name != "choices"}
    if pruned := _pruned(response):
        rest["response"] = pruned
    return rest


def _pruned(item: Any) -> Any:
    if isinstance(item, dict):
        inside = {name: _pruned(part) for name, part in item.items() if name not in _DROPPED_INSIDE}
        return {name: part for name, part in inside.items() if part not in (None, "", [], {})}
    if isinstance(item, list):
        return [_pruned(part) for part in item]
    return item


def _requester(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    return _object(metadata.get("requester_metadata"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _first(*values: Any) -> str | None:
    """The first that is a text with something in it."""
    return next((value for value in values if isinstance(value, str) and value), None)
