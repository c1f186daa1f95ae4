"""Bytes of one JSON record to a typed value; what the type does not know is kept beside it, not lost."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from stormwatch.model.errors import InvalidInput

_T = TypeVar("_T", bound=msgspec.Struct)
_SURROGATE: Final = re.compile(rb"\\u[dD][89abAB]")
_SHOWN: Final = 80


def explain(error: Exception) -> str:
    """Why a record cannot be read, without repeating what it says."""
    if isinstance(error, UnicodeDecodeError):
        return f"not valid UTF-8 at byte {error.start + 1} of a text"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        # The message may repeat a field's name, which the sender chose; values never appear in it.
        return str(error)[: 4 * _SHOWN]
    if isinstance(error, msgspec.DecodeError):
        return f"not valid JSON: {error}"[: 4 * _SHOWN]
    return str(error)[: 4 * _SHOWN]


def decode_object(data: bytes) -> dict[str, Any]:
    r"""One JSON object of any shape; InvalidInput says why not."""
    value = decode_json(data)
    if not isinstance(value, dict):
        raise InvalidInput("not a JSON object")
    return value


def decode_json(data: bytes) -> Any:
    r"""One JSON value of any shape; InvalidInput says why not.

    A lone surrogate (`\ud800` without its partner) becomes U+FFFD instead of making the record unreadable: otherwise a
    caller could stay unseen by putting one into a prompt.
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        if not _SURROGATE.search(data):
            raise InvalidInput(explain(error)) from error
        return _decode_with_surrogates(data)
    except (UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(explain(error)) from error


def convert(value: Mapping[str, Any], into: type[_T]) -> _T:
    """A typed value; InvalidInput names the field that does not fit."""
    try:
        return msgspec.convert(value, into)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInput(explain(error)) from error


def _decode_with_surrogates(data: bytes) -> Any:
    try:
        value = json.loads(data, parse_constant=_refuse_constant)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return msgspec.json.decode(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(explain(error)) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"not valid JSON: {name} is no number")
