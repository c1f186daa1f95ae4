"""What models are told and say, in the shapes of OpenAI, Anthropic, Bedrock and GenAI, to turns and tool calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from stormwatch.events.sent import SentMessage, SentToolCall
from stormwatch.events.turns import as_text, part_text

ListReader = Callable[[Any], list[Any]]

_DEEPEST: Final = 16
_CALLS: Final = frozenset({"tool_call", "tool_use", "function_call", "custom_tool_call", "mcp_call", "server_tool_use"})
_CALL_KEYS: Final = ("toolUse", "tool_calls", "function_call", "functionCall")
# Keys that hold what a part says, in the order in which they are looked for.
_SAID: Final = ("text", "refusal", "thinking", "output", "outputText", "generation", "completion")
_INSIDE: Final = ("content", "parts", "summary")


def messages(value: Any, role: str | None = None) -> list[SentMessage]:
    """Turns of a conversation: a list of messages or items, one message, or plain text, which the `role` said."""
    if type(value) is list:
        return [turn for item in value for turn in _turns(item, role)]
    return list(_turns(value, role))


def prompt(value: Any, role: str | None = None) -> list[SentMessage]:
    """One turn of the `role`, from a text, a list of texts or a list of parts."""
    said = _said(value)
    return [SentMessage(role or "user", said)] if said else []


def choices(value: Any, role: str | None = None) -> list[SentMessage]:
    """The turns in a list of choices, each with a `message` or a `text`."""
    turns: list[SentMessage] = []
    for choice in value if type(value) is list else [value]:
        message = choice.get("message") if type(choice) is dict else None
        turns += _turns(choice if message is None else message, role or "assistant")
    return turns


def tool_calls(value: Any, _role: str | None = None) -> list[SentToolCall]:
    """Every request to call a tool, wherever it stands in choices, messages, items or parts."""
    return [SentToolCall(name, arguments) for name, arguments in _calls(value, 0)]


def tool_names(value: Any, _role: str | None = None) -> list[str]:
    """The names of declared tools; of one that has none, its kind."""
    found = [_tool_name(tool) for tool in (value if type(value) is list else [value])]
    return [name for name in found if name]


LISTS: Final[dict[str, Callable[[Any, str | None], list[Any]]]] = {
    "messages": messages,
    "prompt": prompt,
    "choices": choices,
    "tool-calls": tool_calls,
    "tool-names": tool_names,
}


def _turns(item: Any, role: str | None) -> Iterator[SentMessage]:
    if type(item) is not dict:
        said = _said(item)
        if said:
            yield SentMessage(role or "user", said)
        return
    content = item.get("content")
    said_by = item.get("role")
    if type(content) is str and type(said_by) is str and "refusal" not in item:
        yield SentMessage(said_by, content)
        return
    kind = item.get("type")
    if said_by is None and type(kind) is str and kind in _CALLS:
        return
    if said_by is None and type(kind) is str and kind.endswith("_output"):
        yield SentMessage("tool", _said(item.get("output")))
        return
    known = said_by is not None or content is not None or kind in ("message", "reasoning")
    pieces = [_said(item[key]) for key in (*_INSIDE, *_SAID) if item.get(key)]
    said = "\n".join(piece for piece in pieces if piece)
    if not said and not known and not _holds_calls(item):
        said = as_text(item)
    yield SentMessage(as_text(said_by) or role or ("assistant" if kind == "reasoning" else "user"), said)


def _said(value: Any, depth: int = 0) -> str:
    """What a text, a part or a list of parts says, without its calls of tools."""
    if type(value) is str:
        return value
    if depth > _DEEPEST:
        return as_text(value)
    if type(value) is list:
        return "\n".join(piece for piece in (_said(part, depth + 1) for part in value) if piece)
    return _part(value, depth) if type(value) is dict else as_text(value)


def _part(part: dict[str, Any], depth: int) -> str:
    text = part.get("text")
    if type(text) is str:
        return text
    if _is_call(part):
        return ""
    result = part.get("toolResult")
    if type(result) is dict or part.get("type") == "tool_result":
        source = result if type(result) is dict else part
        return _said(source.get("content", ""), depth + 1)
    if "json" in part:
        return as_text(part["json"])
    reasoning = part.get("reasoningContent")
    if type(reasoning) is dict:
        return _said(reasoning.get("reasoningText", reasoning), depth + 1)
    for key in _SAID:
        if type(part.get(key)) is str:
            return str(part[key])
    return part_text(part)


def _is_call(part: dict[str, Any]) -> bool:
    kind = part.get("type")
    return (type(kind) is str and kind in _CALLS) or _holds_calls(part)


def _holds_calls(part: dict[str, Any]) -> bool:
    return any(part.get(key) for key in _CALL_KEYS)


def _calls(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        return
    if type(value) is list:
        for item in value:
            yield from _calls(item, depth + 1)
        return
    if type(value) is not dict:
        return
    kind = value.get("type")
    if type(kind) is str and (kind in _CALLS or kind in {"function", "custom"}):
        yield _call(value)
        return
    yield from _held_calls(value)
    for key in ("message", "content", "parts"):
        if type(value.get(key)) in (list, dict):
            yield from _calls(value[key], depth + 1)


def _held_calls(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in _CALL_KEYS:
        held = value.get(key)
        for item in held if type(held) is list else [held]:
            if type(item) is dict:
                yield _call(item)


def _call(call: dict[str, Any]) -> tuple[str, Any]:
    inner = call.get("function") or call.get("custom")
    source = inner if type(inner) is dict else call
    arguments = next((source[key] for key in ("arguments", "input", "args") if source.get(key) is not None), None)
    if type(arguments) is not dict and arguments is not None:
        arguments = as_text(arguments)
    return as_text(source.get("name")), arguments


def _tool_name(tool: Any) -> str:
    if type(tool) is not dict:
        return as_text(tool)
    for key in ("function", "toolSpec", "custom"):
        if type(tool.get(key)) is dict:
            tool = tool[key]
            break
    return next((as_text(tool[key]) for key in ("name", "server_label", "type") if tool.get(key)), "")
