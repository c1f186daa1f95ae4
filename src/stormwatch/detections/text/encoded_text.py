"""Encoded segments of a text (base64, hex, percent, escapes) to what they say, in their place."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

MOST_DEPTH: Final = 2
_LONGEST_SEGMENT: Final = 65_536
_FEWEST_CHARACTERS: Final = 5
# Text is letters, digits and blanks for the most part; bytes that happen to be valid UTF-8 are not.
_FEWEST_LETTERS: Final = 0.7

_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{20,}+={0,2}(?![A-Za-z0-9+/_=-])")
_HEX: Final = re.compile(
    r"(?<![0-9A-Za-z\\])(?:0x)?[0-9A-Fa-f]{2}(?:(?:, |[ :,])?(?:0x)?[0-9A-Fa-f]{2}){4,}(?![0-9A-Za-z])"
)
_BETWEEN_DIGITS: Final = re.compile(r"0x|[ :,]")
_BYTE_ESCAPES: Final = re.compile(r"(?:\\x[0-9A-Fa-f]{2})+")
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2}[^\s%]{0,200}){2,}")
_PERCENT_BYTE: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ESCAPES: Final = re.compile(r"(?:\\u(?:[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]{1,6}\}))+")
_ESCAPE: Final = re.compile(r"\\u(?:([0-9A-Fa-f]{4})|\{([0-9A-Fa-f]{1,6})\})")
_ENTITY: Final = re.compile(r"&#(?:x([0-9A-Fa-f]{2,6})|([0-9]{2,7}));")


def decoded(text: str) -> str:
    """The text with its encoded segments decoded, at most twice over; the same text where there are none.

    A segment that gives no printable text stays as it is. The result is never longer than the text.
    """
    for _ in range(MOST_DEPTH):
        before = text
        for pattern, decode in _DECODERS:
            text = _decode_segments(text, pattern, decode)
        if text == before:
            break
    return text


def _decode_segments(text: str, pattern: re.Pattern[str], decode: Callable[[str], str | None]) -> str:
    def replaced(match: re.Match[str]) -> str:
        segment = match[0]
        if len(segment) > _LONGEST_SEGMENT:
            return segment
        plain = decode(segment)
        return segment if plain is None else plain

    return pattern.sub(replaced, text)


def _from_base64(segment: str) -> str | None:
    bare = segment.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) % 4 == 1:
        return None
    try:
        return _as_text(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None


def _from_hex(segment: str) -> str | None:
    digits = _BETWEEN_DIGITS.sub("", segment)
    return None if len(digits) % 2 else _as_text(bytes.fromhex(digits))


def _from_percent(segment: str) -> str | None:
    try:
        return _PERCENT_BYTE.sub(lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8"), segment)
    except UnicodeDecodeError:
        return None


def _from_byte_escapes(segment: str) -> str | None:
    try:
        plain = bytes.fromhex(segment.replace("\\x", "")).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return plain if _is_printable(plain) else None


def _from_escapes(segment: str) -> str | None:
    units = [int(match[1] or match[2], 16) for match in _ESCAPE.finditer(segment)]
    try:
        # JSON writes characters beyond the first plane as two surrogates, which UTF-16 joins again.
        plain = "".join(map(chr, units)).encode("utf-16", "surrogatepass").decode("utf-16")
    except (ValueError, OverflowError):
        return None
    return plain if _is_printable(plain) else None


def _from_entity(segment: str) -> str | None:
    match = _ENTITY.fullmatch(segment)
    assert match is not None
    code = int(match[1], 16) if match[1] else int(match[2])
    return chr(code) if code <= 0x10FFFF and _is_printable(chr(code)) else None


def _as_text(raw: bytes) -> str | None:
    """The text that bytes are in UTF-8, or in the UTF-16 that one well-known shell takes; None for anything else."""
    encoding = "utf-16-le" if len(raw) > 2 and not any(raw[1::2]) else "utf-8"
    try:
        plain = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    letters = sum(character.isalnum() or character.isspace() for character in plain)
    is_text = len(plain) >= _FEWEST_CHARACTERS and letters >= _FEWEST_LETTERS * len(plain)
    return plain if is_text and _is_printable(plain) else None


def _is_printable(text: str) -> bool:
    return all(character.isprintable() or character in "\n\r\t" for character in text)


_DECODERS: Final[tuple[tuple[re.Pattern[str], Callable[[str], str | None]], ...]] = (
    (_PERCENT, _from_percent),
    (_BYTE_ESCAPES, _from_byte_escapes),
    (_ESCAPES, _from_escapes),
    (_ENTITY, _from_entity),
    (_HEX, _from_hex),
    (_BASE64, _from_base64),
)
