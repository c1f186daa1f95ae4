"""UsageEvent, version 1: one JSON object to an event as sent; unknown fields go to its attributes."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from stormwatch.events.readers.decoding import convert, decode_object
from stormwatch.events.sent import SentEvent, SentMessage, SentToolCall

FIELDS: Final = frozenset(SentEvent.__struct_fields__)
_NESTED: Final = {
    "input": frozenset(SentMessage.__struct_fields__),
    "output": frozenset(SentMessage.__struct_fields__),
    "tool_calls": frozenset(SentToolCall.__struct_fields__),
}

_decode = msgspec.json.Decoder(SentEvent).decode


def read_usage_event(data: bytes) -> SentEvent:
    """The event in one record; InvalidInput says what does not fit.

    A record that has exactly the known fields is decoded in one go; any other is taken apart first.
    """
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return usage_event(decode_object(data))


def usage_event(value: dict[str, Any]) -> SentEvent:
    """The event in a decoded JSON object, whose unknown fields are moved into the attributes."""
    known = {name: value[name] for name in value.keys() & FIELDS}
    unknown = {name: item for name, item in value.items() if name not in FIELDS}
    for name, fields in _NESTED.items():
        if isinstance(known.get(name), list):
            known[name], strange = _split_items(name, known[name], fields)
            unknown.update(strange)
    if unknown:
        known["attributes"] = _with_unknown(known.get("attributes"), unknown)
    return convert(known, SentEvent)


def _split_items(name: str, items: list[Any], fields: frozenset[str]) -> tuple[list[Any], dict[str, Any]]:
    strange: dict[str, Any] = {}
    kept: list[Any] = []
    for number, item in enumerate(items):
        if isinstance(item, dict) and not item.keys() <= fields:
            strange.update({f"{name}[{number}].{key}": item[key] for key in item if key not in fields})
            item = {key: item[key] for key in item if key in fields}
        kept.append(item)
    return kept, strange


def _with_unknown(attributes: Any, unknown: dict[str, Any]) -> Any:
    if attributes is not None and not isinstance(attributes, dict):
        return attributes  # wrong type: the conversion says so
    merged = dict(attributes or {})
    for name, item in unknown.items():
        merged[f"unknown.{name}" if name in merged else name] = item
    return merged
