"""Messages as sent, with `content` or with GenAI parts, to plain turns of text, and the tool calls found in parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stormwatch.events.sent import SentMessage, SentToolCall
from stormwatch.model.event import Message, ToolCall

_TEXT_FIELDS = ("content", "text")
_TEXT_TYPES = (None, "text", "reasoning", "input_text", "output_text")
_canonical = msgspec.json.Encoder(order="deterministic").encode


def as_text(value: Any) -> str:
    """A string as it is, anything else as JSON, nothing as the empty string."""
    if value is None:
        return ""
    return value if isinstance(value, str) else _canonical(value).decode()


def turns(messages: Sequence[SentMessage]) -> tuple[Message, ...]:
    """One turn per message; what parts say is joined by newlines, also kinds of part that are not known here."""
    return tuple([Message(message.role, _message_text(message)) for message in messages])


def calls(sent: Sequence[SentToolCall], output: Sequence[SentMessage]) -> tuple[ToolCall, ...]:
    """Tool calls from the list of their own and from the parts of the output."""
    if not sent and not output:
        return ()
    listed = [ToolCall(call.name, as_text(call.arguments)) for call in sent]
    parts = [part for message in output for part in message.parts or () if is_tool_call(part)]
    in_parts = [ToolCall(as_text(part.get("name")), as_text(part.get("arguments"))) for part in parts]
    return tuple(listed + [call for call in in_parts if call not in listed])


def is_tool_call(part: Any) -> bool:
    """Whether a part is a request of the model to call a tool."""
    # A tuple and not a set: the type may be anything, also what has no hash.
    return isinstance(part, dict) and part.get("type") in ("tool_call", "tool_use", "function_call")


def _message_text(message: SentMessage) -> str:
    if not message.parts:
        return message.content or ""
    pieces = [message.content or "", *(part_text(part) for part in message.parts if not is_tool_call(part))]
    return "\n".join(piece for piece in pieces if piece)


def part_text(part: Any) -> str:
    """What a part says: its text where it has one, else the part as JSON."""
    if not isinstance(part, dict):
        return as_text(part)
    for field in _TEXT_FIELDS:
        if isinstance(part.get(field), str) and part.get("type") in _TEXT_TYPES:
            return str(part[field])
    if part.get("type") == "tool_call_response":
        return as_text(part.get("response", part.get("result")))
    return as_text(part)
