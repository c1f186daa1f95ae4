"""The fields of an event that a rule may ask for, by kind, and the modifiers that have a meaning on each kind."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class FieldKind(StrEnum):
    """What a field holds, which decides what can be asked of it."""

    SAID = "said"  # text of the request: seen through the one scan
    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    ADDRESS = "address"
    TIME = "time"


# Country, network, organisation and writing system are left out on purpose: who somebody is says nothing about conduct.
FIELD_KINDS: Final[Mapping[str, FieldKind]] = {
    "operation": FieldKind.TEXT,
    "provider": FieldKind.TEXT,
    "model": FieldKind.TEXT,
    "user_agent": FieldKind.TEXT,
    "tls_fingerprint": FieldKind.TEXT,
    "ip_source": FieldKind.TEXT,
    "tools_offered": FieldKind.TEXT,
    "finish_reason": FieldKind.TEXT,
    "error_type": FieldKind.TEXT,
    "tool_calls": FieldKind.NUMBER,
    "input_tokens": FieldKind.NUMBER,
    "output_tokens": FieldKind.NUMBER,
    "prompt_chars": FieldKind.NUMBER,
    "duration_ms": FieldKind.NUMBER,
    "refused": FieldKind.FLAG,
    "blocked": FieldKind.FLAG,
    "conflicting": FieldKind.FLAG,
    "source_ip": FieldKind.ADDRESS,
    "time": FieldKind.TIME,
}
EVENT_FIELDS: Final = tuple(FIELD_KINDS)
TIME_COLUMN: Final = "time_us"
WHO_YOU_ARE: Final = ("country", "asn", "script", "org_id", "account_id")

_ENCODINGS: Final = frozenset({"wide", "utf16", "utf16be"})
_WORDS: Final = frozenset({"contains", "startswith", "endswith", "all", "neq", "cased", "expand", "windash"}) | {
    *("re", "i", "ignorecase", "s", "dotall", "m", "multiline", "base64", "base64offset"),
    *_ENCODINGS,
}
MODIFIERS: Final[Mapping[FieldKind, frozenset[str]]] = {
    FieldKind.SAID: _WORDS | {"exists"},
    FieldKind.TEXT: _WORDS | {"exists", "fieldref"},
    FieldKind.NUMBER: frozenset({"lt", "lte", "gt", "gte", "neq", "all", "exists", "fieldref"}),
    FieldKind.FLAG: frozenset({"neq", "exists"}),
    FieldKind.ADDRESS: frozenset({"cidr", "neq", "exists", "expand", "fieldref"}),
    FieldKind.TIME: frozenset({"minute", "day", "week", "month", "year", "neq"}),
}
TIME_PARTS: Final = frozenset({"minute", "hour", "day", "week", "month", "year"})
_BASE64: Final = frozenset({"base64", "base64offset"})

# Why a modifier that Sigma knows has no meaning on a kind of field.
_HOUR: Final = "the hour tells where somebody lives, not what they do"
_NONSENSE: Final[Mapping[tuple[FieldKind, str], str]] = {
    (FieldKind.TIME, "hour"): _HOUR,
    (FieldKind.SAID, "fieldref"): "a text is seen through the one scan of all patterns, never beside another field",
    (FieldKind.SAID, "cidr"): "a text is no address; addresses that were pasted are matched as artefacts",
    (FieldKind.TEXT, "cidr"): "this field holds no address; source_ip does",
    **{(FieldKind.SAID, name): "a text is no number" for name in ("lt", "lte", "gt", "gte")},
    **{(FieldKind.TEXT, name): "this field holds no number" for name in ("lt", "lte", "gt", "gte")},
    **{(kind, name): "only the field time is a time" for kind in FieldKind for name in TIME_PARTS if name != "hour"},
    **{(kind, "hour"): _HOUR for kind in FieldKind},
}


def kind_of(field: str) -> FieldKind:
    """The kind of a field of the event; what is none of those is said."""
    return FIELD_KINDS.get(field, FieldKind.SAID)


def column_of(field: str) -> str:
    """The column of the table `events` that holds a field."""
    return TIME_COLUMN if field == "time" else field


def modifier_fault(kind: FieldKind, modifiers: list[str]) -> tuple[str, str] | None:
    """What is wrong with the modifiers on a kind of field (what, remedy), though Sigma may know them."""
    for modifier in modifiers:
        if modifier not in MODIFIERS[kind]:
            remedy = f"use one of {', '.join(sorted(MODIFIERS[kind]))}"
            reason = _NONSENSE.get((kind, modifier))
            return (f"the modifier {modifier!r} has no meaning here: {reason}", remedy) if reason else ("", remedy)
    asked = set(modifiers)
    if asked & _ENCODINGS and not asked & _BASE64:
        what = "texts here are characters, not bytes, so an encoding alone is never seen"
        return what, "write base64 or base64offset behind it"
    if "re" in asked and asked & {"contains", "startswith", "endswith", "windash"}:
        return "re finds anywhere and stands alone", "leave the other modifier out; ^ and $ tie it to an end"
    if kind is FieldKind.TIME and not asked & TIME_PARTS:
        return "a time is asked for one of its parts", "write time|minute, time|day, time|week, time|month or time|year"
    return None
