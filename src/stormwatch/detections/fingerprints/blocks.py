"""Texts to the blocks of code and prose in them that are long enough to be known again."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

import msgspec

from stormwatch.detections.fingerprints.fingerprint_settings import FingerprintSettings
from stormwatch.detections.text.normalise import NormalText, utf8

_FENCE: Final = "```"
_FEWEST_CODE_CHARACTERS: Final = 80  # below this no block reaches the fewest tokens
_DEEPEST: Final = 6


class BlockKind(StrEnum):
    """What a block is taken for, and how it is compared: code by its shape and by its text, prose by its words."""

    CODE = "code"
    CODE_TEXT = "code-text"
    DOCUMENT = "document"


def blocks_of(text: NormalText, settings: FingerprintSettings) -> Iterator[tuple[str, BlockKind, bytes]]:
    """Field, kind (code or document) and UTF-8 of each block of an event's normalised text; of most there is none."""
    for field, content, raw in text.filled:
        if len(content) < _FEWEST_CODE_CHARACTERS:
            continue
        if field == "tool_arguments":
            pieces = [(piece, utf8(piece)) for piece in _strings(content)]
        else:
            pieces = [(content, raw)]
        for piece, encoded in pieces:
            for kind, block in _split(piece, encoded, settings):
                cut = block[: settings.longest_characters]
                yield field, kind, encoded if cut is piece else utf8(cut)


def _split(text: str, raw: bytes, settings: FingerprintSettings) -> Iterator[tuple[BlockKind, str]]:
    if _FENCE in text:
        parts = text.split(_FENCE)
        for part in parts[1::2]:
            if len(part) >= _FEWEST_CODE_CHARACTERS:
                yield BlockKind.CODE, part
        text = "\n".join(parts[::2])
    elif _is_bare_code(text, raw, settings):
        yield BlockKind.CODE, text
        return
    if len(text) >= settings.fewest_characters:
        yield BlockKind.DOCUMENT, text


def _is_bare_code(text: str, raw: bytes, settings: FingerprintSettings) -> bool:
    bare = settings.bare_code
    if raw.count(b"\n") < bare.fewest_lines:
        return False
    return len(raw) - len(raw.translate(None, bare.marks.encode())) >= bare.share * len(text)


def _strings(arguments: str) -> Iterator[str]:
    """The long strings inside the JSON of tool calls, one call a line; what is no JSON is taken as it is."""
    for line in arguments.split("\n"):
        if len(line) < _FEWEST_CODE_CHARACTERS:
            continue
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            yield arguments
            return
        yield from _long_strings(value, _DEEPEST)


def _long_strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= _FEWEST_CODE_CHARACTERS:
            yield value
    elif depth and isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _long_strings(item, depth - 1)
