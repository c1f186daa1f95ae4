"""Bodies that a log packs into text, or into the pieces of a stream, to the structure that they are."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from stormwatch.events.mapping.paths import EVERY, Path, lookup
from stormwatch.events.mapping.streams import assembled

Decoder = Callable[[Any], Any]
Change = Callable[[dict[str, Any]], None]

_decode: Final = msgspec.json.Decoder().decode


def from_json(value: Any) -> Any:
    """The structure in a text of JSON; anything else stays as it is."""
    if type(value) is not str or not value or value.lstrip()[:1] not in {"{", "["}:
        return value
    try:
        return _decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return value


def from_base64(value: Any) -> Any:
    """The text in base64; anything that is none, or no UTF-8, stays as it is."""
    if type(value) is not str or not value:
        return value
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return value


def from_base64_json(value: Any) -> Any:
    """The structure in base64 of JSON."""
    return from_json(from_base64(value))


def from_stream(value: Any) -> Any:
    """The whole response in the pieces of a streamed one: a list of them, or the text of server-sent events."""
    pieces = (
        _sent_events(value) if type(value) is str and value.lstrip()[:5] in {"data:", "event"} else from_json(value)
    )
    return assembled(pieces) if type(pieces) is list else pieces if type(value) is str else value


DECODERS: Final[dict[str, Decoder]] = {
    "json": from_json,
    "base64": from_base64,
    "base64-json": from_base64_json,
    "stream": from_stream,
}


def decoding(path: Path, decode: Decoder) -> Change:
    """A change of a record that decodes what lies at a path, in place."""
    *way, last = path.steps
    if EVERY in way or last is EVERY:
        raise ValueError("a path to decode leads to one place, without []")
    find = lookup(Path(path.text, tuple(way))) if way else None

    def change(record: dict[str, Any]) -> None:
        holder = find(record) if find is not None else record
        if type(holder) is dict and type(last) is str:
            packed = holder.get(last)
            if packed is not None:
                holder[last] = decode(packed)

    return change


def _sent_events(text: str) -> Any:
    pieces = []
    for line in text.splitlines():
        if line.startswith("data:"):
            said = line[5:].strip()
            if said and said != "[DONE]":
                try:
                    pieces.append(_decode(said))
                except (msgspec.DecodeError, RecursionError, UnicodeError):
                    return text  # a piece that cannot be read: better the whole as text than a part of it
    return pieces or text


def as_record(value: Any) -> dict[str, Any] | None:
    """A record inside another, which may be packed as text of JSON; None when it is none."""
    found = from_json(value)
    return found if type(found) is dict else None


def as_line(record: Any) -> bytes:
    """A record as one line of JSON, for the quarantine."""
    try:
        return msgspec.json.encode(record)
    except (msgspec.EncodeError, UnicodeError, RecursionError, TypeError):
        return json.dumps(record, default=str).encode()
