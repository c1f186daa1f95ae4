"""Bytes of one protobuf message to its length-delimited fields, without knowing its type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stormwatch.model.errors import InvalidInput

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each length-delimited field; InvalidInput where the bytes end or make no sense."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == _DELIMITED:
            length, position = _varint(data, position)
            end = position + length
            if end > len(data):
                raise InvalidInput(f"the protobuf message is cut off at byte {position + 1}")
            yield number, data[position:end]
            position = end
        else:
            position = _passed_over(data, position, kind)


def _passed_over(data: bytes, position: int, kind: int) -> int:
    if kind == _VARINT:
        return _varint(data, position)[1]
    if kind in (_FIXED64, _FIXED32):
        return position + (8 if kind == _FIXED64 else 4)
    raise InvalidInput(f"not a protobuf message: byte {position} begins no field")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, position + shift + 1
    raise InvalidInput(f"the protobuf message is cut off at byte {position + 1}")
