"""Sigma values to tests of an event's short fields, linear in the field's length whatever a rule or a caller wrote."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import hyperscan as hs
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCompareExpression,
    SigmaExists,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

from stormwatch.detections.normalise import utf8
from stormwatch.detections.patterns import UnsupportedValue

FieldTest = Callable[[Any], bool]

_COMPARISONS: Final[dict[CompareOperators, Callable[[float, float], bool]]] = {
    CompareOperators.LT: lambda a, b: a < b,
    CompareOperators.LTE: lambda a, b: a <= b,
    CompareOperators.GT: lambda a, b: a > b,
    CompareOperators.GTE: lambda a, b: a >= b,
}
# UTF8, so that a wildcard stands for one character; ALLOWEMPTY, because a field may be empty and a pattern mean that.
_FLAGS: Final = hs.HS_FLAG_SINGLEMATCH | hs.HS_FLAG_ALLOWEMPTY | hs.HS_FLAG_UTF8


def field_test(value: Any) -> FieldTest:
    """The test for a Sigma value; UnsupportedValue where there is none."""
    if isinstance(value, SigmaRegularExpression):
        flags = value.flags
        caseless = SigmaRegularExpressionFlag.IGNORECASE in flags
        return _expression_test(
            str(value.regexp), caseless=caseless, dot_all=SigmaRegularExpressionFlag.DOTALL in flags
        )
    if isinstance(value, SigmaString):
        cased = isinstance(value, SigmaCasedString)
        return _expression_test(rf"\A{_wildcards(value)}\z", caseless=not cased, dot_all=True)
    if isinstance(value, SigmaExists):
        wanted = bool(value)
        return lambda seen: (seen is not None) is wanted
    if isinstance(value, SigmaCompareExpression):
        compare, bound = _COMPARISONS[value.op], float(value.number.number)
        return lambda seen: isinstance(seen, int | float) and compare(seen, bound)
    return _equality_test(value)


def _equality_test(value: Any) -> FieldTest:
    if isinstance(value, SigmaNull):
        return lambda seen: seen is None
    if isinstance(value, SigmaBool):
        truth = bool(value)
        return lambda seen: seen is truth
    if isinstance(value, SigmaNumber):
        number = value.number
        return lambda seen: isinstance(seen, int | float) and not isinstance(seen, bool) and seen == number
    raise UnsupportedValue(f"an event field is not compared with {type(value).__name__}")


def _wildcards(value: SigmaString) -> str:
    special: dict[object, str] = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    return "".join(re.escape(part) if isinstance(part, str) else special[part] for part in value.s)


def _expression_test(expression: str, *, caseless: bool, dot_all: bool) -> FieldTest:
    """A field such as the user agent is what a caller chose: Python's `re` could be held up for years by some."""
    flags = _FLAGS | (hs.HS_FLAG_CASELESS if caseless else 0) | (hs.HS_FLAG_DOTALL if dot_all else 0)
    if not expression.isascii():
        flags |= hs.HS_FLAG_UCP
    database = hs.Database(mode=hs.HS_MODE_BLOCK)
    try:
        database.compile(expressions=[utf8(expression)], ids=[0], elements=1, flags=[flags])
    except hs.error as error:
        raise UnsupportedValue(f"the scanner cannot take {expression!r}: {error}") from error

    def test(seen: Any) -> bool:
        found: list[int] = []
        if seen is not None:
            database.scan(utf8(_as_text(seen)), match_event_handler=_collect, context=found)
        return bool(found)

    return test


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(number)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
