"""Single values of a log to what a field of an event holds; None where a value cannot be that, so it is kept aside."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from stormwatch.events.sent import MAX_NUMBER
from stormwatch.events.turns import as_text

Scalar = Callable[[Any], Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 253_402_300_799  # the last a datetime can hold
_LONGEST_NUMBER: Final = 32
_DIGITS: Final = re.compile(r"\d{1,19}")
_FINEST_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_ASSUMED_ROLE: Final = re.compile(r"(arn:[^:]*:sts::\d*:assumed-role/[^/]+(?:/[^/]+)*)/([^/]+)")
_TRUE: Final = frozenset({"true", "yes", "1"})
_FALSE: Final = frozenset({"false", "no", "0"})


def text(value: Any) -> str | None:
    """A text as it is, a number or structure as JSON, an empty text as nothing."""
    if type(value) is str:
        return value or None
    return as_text(value) or None


def count(value: Any) -> int | None:
    """A whole number that is not negative, also one written as a text."""
    if type(value) is str and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_NUMBER else None


def number(value: Any) -> float | None:
    """A number that is not negative."""
    if type(value) not in (int, float):
        value = count(value)
        if value is None:
            return None
    return float(value) if 0 <= value <= MAX_NUMBER else None


def seconds_to_milliseconds(value: Any) -> float | None:
    """A span in seconds, in milliseconds."""
    seconds = number(value)
    return None if seconds is None else seconds * 1000


def flag(value: Any) -> bool | None:
    """True or false, also as a word or number."""
    if type(value) is bool:
        return value
    word = as_text(value).strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def country(value: Any) -> str | None:
    """Two letters of ISO 3166."""
    code = value.strip().upper() if type(value) is str else ""
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def autonomous_system(value: Any) -> int | None:
    """The number of a network, with or without AS before it."""
    found = count(value[2:] if type(value) is str and value[:2].upper() == "AS" else value)
    return found if found is not None and found < 1 << 32 else None


def moment(value: Any) -> datetime | None:
    """A time as RFC 3339; one without an offset is UTC, which is what gateways that leave it out mean."""
    if type(value) is not str or not 10 <= len(value) <= 64:
        return None
    try:
        found = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        try:
            found = datetime.fromisoformat(_FINEST_FRACTION.sub(r"\1", value.strip()))
        except ValueError:
            return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def epoch(units_per_second: int) -> Scalar:
    """A reader of times that count seconds, or parts of them, since 1970."""

    def read(value: Any) -> datetime | None:
        if type(value) is str:
            value = _written_number(value)
        if type(value) not in (int, float) or not 0 <= value <= _LAST_SECOND * units_per_second:
            return None
        if type(value) is float and not math.isfinite(value):
            return None
        if units_per_second > 1_000_000:
            return _EPOCH + timedelta(microseconds=int(value) // (units_per_second // 1_000_000))
        return _EPOCH + timedelta(microseconds=round(value * (1_000_000 // units_per_second)))

    return read


def _written_number(text: str) -> int | float | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return None


def aws_principal(value: Any) -> str | None:
    """An ARN without the session's name, which whoever assumes a role chooses freely."""
    arn = text(value)
    assumed = _ASSUMED_ROLE.fullmatch(arn) if arn else None
    return assumed[1] if assumed else arn


def aws_session(value: Any) -> str | None:
    """The name of the session in the ARN of an assumed role."""
    assumed = _ASSUMED_ROLE.fullmatch(value) if type(value) is str else None
    return assumed[2] if assumed else None


def header(name: str) -> Scalar:
    """A reader of one header, whatever the case of its name, from an object or a list of pairs."""
    wanted = name.lower()

    def read(value: Any) -> str | None:
        return headers(value).get(wanted)

    return read


def headers(value: Any) -> dict[str, str]:
    """Headers by their lower-case names; of a repeated one the lines joined by commas, in their order.

    Takes an object of texts or lists of texts, a list of pairs, or a list of objects with `name` or `key`, and `value`.
    """
    found: dict[str, str] = {}
    for name, said in _pairs(value):
        line = ", ".join(as_text(part) for part in said) if isinstance(said, list) else as_text(said)
        key = as_text(name).lower()
        found[key] = f"{found[key]}, {line}" if key in found else line
    return found


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    pairs: list[tuple[Any, Any]] = []
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            pairs.append((item.get("name", item.get("key", "")), item.get("value", "")))
        elif isinstance(item, list) and len(item) == 2:
            pairs.append((item[0], item[1]))
    return pairs


SCALARS: Final[dict[str, Scalar]] = {
    "text": text,
    "count": count,
    "number": number,
    "flag": flag,
    "country": country,
    "autonomous-system": autonomous_system,
    "milliseconds": number,
    "seconds": seconds_to_milliseconds,
    "time": moment,
    "epoch-seconds": epoch(1),
    "epoch-milliseconds": epoch(1_000),
    "epoch-microseconds": epoch(1_000_000),
    "epoch-nanoseconds": epoch(1_000_000_000),
    "aws-principal": aws_principal,
    "aws-session": aws_session,
}
