"""The pieces of a streamed response to the response as it would have come whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_WHOLE_RESPONSES: Final = ("response.completed", "response.incomplete", "response.failed")


def assembled(pieces: list[Any]) -> Any:
    """The response in pieces of OpenAI (chat, completions, responses), Anthropic or Bedrock's ConverseStream.

    Pieces of no kind known here stay the list that they are.
    """
    dicts = [piece for piece in pieces if type(piece) is dict]
    for piece in reversed(dicts):
        if piece.get("type") in _WHOLE_RESPONSES and type(piece.get("response")) is dict:
            return piece["response"]
    if any(type(piece.get("choices")) is list for piece in dicts):
        return _chat(dicts)
    if any(piece.get("type") in ("message_start", "content_block_delta") for piece in dicts):
        return _anthropic(dicts)
    if any("contentBlockDelta" in piece or "messageStop" in piece for piece in dicts):
        return _converse(dicts)
    return pieces


def _chat(pieces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    choices: dict[Any, dict[str, Any]] = {}
    said: dict[Any, dict[str, list[str]]] = {}
    for piece in pieces:
        whole.update({key: value for key, value in piece.items() if key != "choices" and value is not None})
        for part in _dicts(piece.get("choices")):
            number = _number(part.get("index"))
            choice = choices.setdefault(number, {"index": number, "message": {"role": "assistant"}})
            if part.get("finish_reason"):
                choice["finish_reason"] = part["finish_reason"]
            delta = {"content": part["text"]} if "text" in part else _dict(part.get("delta"))
            _add_delta(choice["message"], said.setdefault(number, {}), delta)
    for number, texts in said.items():
        choices[number]["message"].update({key: "".join(parts) for key, parts in texts.items()})
    whole["choices"] = [_with_calls(choices[number]) for number in sorted(choices)]
    return whole


def _add_delta(message: dict[str, Any], said: dict[str, list[str]], delta: dict[str, Any]) -> None:
    if type(delta.get("role")) is str:
        message["role"] = delta["role"]
    for key in ("content", "refusal"):
        if type(delta.get(key)) is str:
            said.setdefault(key, []).append(delta[key])
    for call in _dicts(delta.get("tool_calls")):
        begun = message.setdefault("tool_calls", {}).setdefault(_number(call.get("index")), {"name": "", "parts": []})
        function = _dict(call.get("function"))
        if type(function.get("name")) is str:
            begun["name"] += function["name"]
        if type(function.get("arguments")) is str:
            begun["parts"].append(function["arguments"])


def _with_calls(choice: dict[str, Any]) -> dict[str, Any]:
    calls = choice["message"].get("tool_calls")
    if calls:
        choice["message"]["tool_calls"] = [
            {
                "type": "function",
                "function": {"name": calls[number]["name"], "arguments": "".join(calls[number]["parts"])},
            }
            for number in sorted(calls)
        ]
    return choice


def _anthropic(pieces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {"role": "assistant"}
    usage: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    texts: dict[int, list[str]] = {}
    for piece in pieces:
        kind = piece.get("type")
        number = _number(piece.get("index"))
        if kind == "message_start":
            message = _dict(piece.get("message"))
            whole.update({key: value for key, value in message.items() if key != "content"})
            usage.update(_dict(message.get("usage")))
        elif kind == "content_block_start":
            blocks[number] = dict(_dict(piece.get("content_block")))
        elif kind == "content_block_delta":
            delta = _dict(piece.get("delta"))
            text = next((delta[key] for key in ("text", "thinking", "partial_json") if type(delta.get(key)) is str), "")
            texts.setdefault(number, []).append(text)
        elif kind == "message_delta":
            whole.update({key: value for key, value in _dict(piece.get("delta")).items() if value is not None})
            usage.update(_dict(piece.get("usage")))
    whole["content"] = _blocks(blocks, texts)
    if usage:
        whole["usage"] = usage
    return whole


def _converse(pieces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    texts: dict[int, list[str]] = {}
    role = "assistant"
    for piece in pieces:
        role = str(_dict(piece.get("messageStart")).get("role") or role)
        start = _dict(piece.get("contentBlockStart"))
        tool = _dict(_dict(start.get("start")).get("toolUse"))
        if tool:
            blocks[_number(start.get("contentBlockIndex"))] = {"type": "tool_use", "name": tool.get("name")}
        block = _dict(piece.get("contentBlockDelta"))
        delta = _dict(block.get("delta"))
        text = delta.get("text", _dict(delta.get("toolUse")).get("input"))
        if type(text) is str:
            texts.setdefault(_number(block.get("contentBlockIndex")), []).append(text)
        whole.update(_dict(piece.get("messageStop")))
        whole.update(_dict(piece.get("metadata")))
    whole["output"] = {"message": {"role": role, "content": _blocks(blocks, texts)}}
    return whole


def _blocks(blocks: dict[int, dict[str, Any]], texts: dict[int, list[str]]) -> list[dict[str, Any]]:
    """The blocks in their order, each with the text that came piece by piece: a call's arguments, or what was said."""
    whole = []
    for number in sorted({*blocks, *texts}):
        block = dict(blocks.get(number, {"type": "text"}))
        text = "".join(texts.get(number, ()))
        if block.get("type") == "tool_use":
            block["input"] = text or block.get("input")
        elif text:
            key = "thinking" if block.get("type") == "thinking" else "text"
            block[key] = text
        whole.append(block)
    return whole


def _dict(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if type(item) is dict] if type(value) is list else []


def _number(value: Any) -> int:
    return value if type(value) is int else 0
