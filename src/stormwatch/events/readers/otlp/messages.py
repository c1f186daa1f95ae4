"""Attributes and events of a span or log record to messages: three generations of names, texts and structures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from stormwatch.events.readers.decoding import decode_json
from stormwatch.events.readers.otlp.names import MessageEvent, Numbered
from stormwatch.events.readers.otlp.shape import Shape
from stormwatch.events.readers.otlp.spans import Attributes
from stormwatch.events.sent import SentMessage, SentToolCall
from stormwatch.events.turns import as_text, part_text
from stormwatch.model.errors import InvalidInput

_MOST_NUMBERED: Final = 10_000  # messages of one conversation; a number beyond that is no place in a list


@dataclass(slots=True)
class Said:
    """What was said in one request."""

    input: list[SentMessage] = field(default_factory=list)
    output: list[SentMessage] = field(default_factory=list)
    tool_calls: list[SentToolCall] = field(default_factory=list)
    finish_reasons: list[str] = field(default_factory=list)
    refused: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said, or nothing was recorded."""
        return not (self.input or self.output or self.tool_calls)

    def add(self, other: Said) -> None:
        """Adds what was said elsewhere, behind what was said here."""
        self.input += other.input
        self.output += other.output
        self.tool_calls += other.tool_calls
        self.finish_reasons += other.finish_reasons
        self.refused = self.refused or other.refused

    def asked(self, messages: Iterable[Mapping[str, Any]], role: str = "user") -> None:
        """Adds messages that went to the model."""
        self.input += [_turn(message, role) for message in messages]

    def answered(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Adds messages that came from the model, with the tools it called."""
        for message in messages:
            self.output.append(_turn(message, "assistant"))
            self.tool_calls += _calls(message)
            reason = message.get("finish_reason")
            if isinstance(reason, str) and reason:
                self.finish_reasons.append(reason)
            self.refused = self.refused or _is_refusal(message)


def read_attributes(shape: Shape, attributes: Attributes) -> Said:
    """What the attributes of a span or a log record say."""
    said = Said()
    for name in shape.system:
        opened = _opened(attributes[name])
        if opened:
            said.asked([{"role": "system", "parts" if isinstance(opened, list) else "content": opened}], "system")
    said.asked(_whole(attributes, shape.input) or _families(attributes, shape.input_families))
    said.answered(_whole(attributes, shape.output) or _families(attributes, shape.output_families))
    return said


def add_event(said: Said, event: MessageEvent, attributes: Attributes, body: Any = None) -> None:
    """Adds what an event inside a span, or a log record, carries: a list of messages, or itself as one."""
    if event.attribute and event.attribute in attributes:
        found: Sequence[Mapping[str, Any]] = _messages(attributes[event.attribute])
    else:
        inside = body if isinstance(body, dict) else {"content": body} if body is not None else {}
        found = [_unwrapped({**attributes, **inside}, event.role)]
    if event.side == "input":
        said.asked(found, event.role or "user")
    else:
        said.answered(found)


def tools_offered(shape: Shape, attributes: Attributes) -> list[str] | None:
    """Names of the tools that the caller declared."""
    if not (shape.tools or shape.tool_families):
        return None
    declared = [tool for name in shape.tools for tool in _list(_opened(attributes[name]))]
    found = [_tool_name(tool) for tool in declared]
    for prefix in shape.tool_families:
        found += [as_text(fields.get("name")) for fields in _numbered(attributes, prefix)]
    return [name for name in found if name] or None


def _tool_name(tool: Any) -> str:
    tool = _object(tool)
    name = _object(tool.get("function")).get("name", tool.get("name"))
    return name if isinstance(name, str) else ""


def _whole(attributes: Attributes, names: Sequence[str]) -> list[Mapping[str, Any]]:
    for name in names:
        value = attributes[name]
        if value and (found := _messages(value)):
            return found
    return []


def _families(attributes: Attributes, families: Sequence[Numbered]) -> list[Mapping[str, Any]]:
    for family in families:
        found = [_nested(fields, family.inside) for fields in _numbered(attributes, family.prefix)]
        if found:
            return found
    return []


def _numbered(attributes: Attributes, prefix: str) -> list[dict[str, Any]]:
    """The attributes `PREFIX NUMBER . FIELD`, gathered by number, in the order of the numbers."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        if not name.startswith(prefix):
            continue
        number, _, rest = name[len(prefix) :].partition(".")
        if number.isascii() and number.isdigit() and len(number) < 6 and int(number) < _MOST_NUMBERED:
            found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def _nested(fields: dict[str, Any], inside: str) -> Mapping[str, Any]:
    """One message of a family; its tool calls are numbered in turn."""
    message = {name.removeprefix(inside): value for name, value in fields.items() if name.startswith(inside)}
    calls = [
        {name.rpartition(".")[2]: value for name, value in call.items()} for call in _numbered(message, "tool_calls.")
    ]
    return {**message, "tool_calls": calls} if calls else message


def _messages(value: Any) -> list[Mapping[str, Any]]:
    """Messages in a value that is a list of them, one of them, a JSON text of either, or just what was said."""
    opened = _opened(value)
    if isinstance(opened, dict):
        inner = opened.get("messages")
        opened = inner if isinstance(inner, list) else [opened]
    if not isinstance(opened, list):
        return [{"content": as_text(opened)}]
    return [_unwrapped(_opened(item), "") for item in opened]


def _opened(value: Any) -> Any:
    """The structure in a JSON text, or the value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return decode_json(value.encode(errors="replace"))
    except InvalidInput:
        return value


def _unwrapped(message: Any, role: str) -> Mapping[str, Any]:
    """A message; of one in a `choice` the message inside, with the reason why it ended."""
    if not isinstance(message, dict):
        return {"content": as_text(message)}
    inner = _opened(message.get("message"))
    if not isinstance(inner, dict):
        return message if message.get("role") or not role else {**message, "role": role}
    return {"finish_reason": message.get("finish_reason"), "role": role or "assistant", **inner}


def _turn(message: Mapping[str, Any], role: str) -> SentMessage:
    content, parts = message.get("content"), message.get("parts")
    if isinstance(parts, str):
        parts = _opened(parts)
    if isinstance(content, list):
        content = "\n".join([part_text(part) for part in content])
    name = message.get("role")
    return SentMessage(
        name if isinstance(name, str) and name else role,
        content if isinstance(content, str) else as_text(content),
        parts if isinstance(parts, list) else None,
    )


def _calls(message: Mapping[str, Any]) -> list[SentToolCall]:
    """Calls in OpenAI's shape; those in parts are found where all events' are."""
    listed = _list(_opened(message.get("tool_calls")))
    if not listed and not message.get("function_call"):
        return []
    found = [_object(_object(call).get("function", call)) for call in listed]
    found.append(_object(_opened(message.get("function_call"))))
    return [SentToolCall(as_text(call.get("name")), as_text(call.get("arguments"))) for call in found if call]


def _is_refusal(message: Mapping[str, Any]) -> bool:
    return bool(message.get("refusal") or _object(message.get("provider_specific_fields")).get("refusal"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
