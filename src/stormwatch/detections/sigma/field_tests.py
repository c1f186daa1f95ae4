"""Sigma values to tests of an event's short fields, linear in the field's length whatever a rule or a caller wrote.

Tests are values that can be sent to another process, as the rules that hold them are.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final, Protocol

import hyperscan as hs
import numpy as np
import numpy.typing as npt
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
    TimestampPart,
)

from stormwatch.detections.sigma.patterns import UnsupportedValue
from stormwatch.detections.text.normalise import utf8
from stormwatch.model.times import from_us

FieldTest = Callable[[Any], bool]
Mask = npt.NDArray[np.bool_]


class WholeColumn(Protocol):
    """A test that can be put to a column of numbers at once."""

    def of_column(self, values: npt.NDArray[Any]) -> Mask:
        """The answers for values of which none is null."""
        ...


_COMPARISONS: Final[dict[CompareOperators, Callable[[Any, Any], Any]]] = {
    CompareOperators.LT: operator.lt,
    CompareOperators.LTE: operator.le,
    CompareOperators.GT: operator.gt,
    CompareOperators.GTE: operator.ge,
    CompareOperators.NEQ: operator.ne,
}
_CALENDAR: Final[dict[TimestampPart, Callable[[Any], int]]] = {
    TimestampPart.MINUTE: lambda moment: moment.minute,
    TimestampPart.DAY: lambda moment: moment.day,
    TimestampPart.WEEK: lambda moment: moment.isocalendar().week,
    TimestampPart.MONTH: lambda moment: moment.month,
    TimestampPart.YEAR: lambda moment: moment.year,
}
# UTF8, so that a wildcard stands for one character; ALLOWEMPTY, because a field may be empty and a pattern mean that.
_FLAGS: Final = hs.HS_FLAG_SINGLEMATCH | hs.HS_FLAG_ALLOWEMPTY | hs.HS_FLAG_UTF8


def field_test(value: Any) -> FieldTest:
    """The test for a Sigma value; UnsupportedValue where there is none."""
    if isinstance(value, SigmaRegularExpression):
        return _regex_test(value)
    if isinstance(value, SigmaString):
        cased = isinstance(value, SigmaCasedString)
        return _expression_test(rf"\A{_wildcards(value)}\z", caseless=not cased, dot_all=True)
    if isinstance(value, SigmaExists):
        return _Presence(bool(value))
    if isinstance(value, SigmaCompareExpression):
        return _Comparison(_COMPARISONS[value.op], float(value.number.number))
    if isinstance(value, SigmaCIDRExpression):
        return _NetworkTest(value.network)
    if isinstance(value, SigmaTimestampPart):
        return _CalendarTest(value.timestamp_part, int(value.number))
    return _equality_test(value)


def reference_test(value: SigmaFieldReference) -> Callable[[Any, Any], bool]:
    """The test of one field against another, as the modifiers beside `fieldref` ask; texts regardless of case."""
    return _Reference(bool(value.starts_with), bool(value.ends_with))


@dataclass(frozen=True, slots=True)
class _Reference:
    """One field's value against another's."""

    starts_with: bool
    ends_with: bool

    def __call__(self, left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if _is_number(left) and _is_number(right):
            return bool(left == right)
        mine, other = _as_text(left).casefold(), _as_text(right).casefold()
        if self.starts_with and self.ends_with:
            return other in mine
        if self.starts_with:
            return mine.startswith(other)
        return mine.endswith(other) if self.ends_with else mine == other


@dataclass(frozen=True, slots=True)
class _Presence:
    """Whether there is a value at all."""

    wanted: bool

    def __call__(self, seen: Any) -> bool:
        return (seen is not None) is self.wanted


@dataclass(frozen=True, slots=True)
class _Flag:
    """A flag that is set, or that is not."""

    truth: bool

    def __call__(self, seen: Any) -> bool:
        return seen is self.truth


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A number against a bound."""

    compare: Callable[[Any, Any], Any]
    bound: float

    def __call__(self, seen: Any) -> bool:
        return _is_number(seen) and bool(self.compare(seen, self.bound))

    def of_column(self, values: npt.NDArray[Any]) -> Mask:
        """The same for a column."""
        return np.asarray(self.compare(values, self.bound), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class _NetworkTest:
    """An address in a network; text that is no address lies in none."""

    network: IPv4Network | IPv6Network

    def __call__(self, seen: Any) -> bool:
        try:
            return ip_address(seen) in self.network
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class _CalendarTest:
    """A part of a time (microseconds since the epoch) in UTC; weeks as in ISO 8601."""

    part: TimestampPart
    number: int

    def __call__(self, seen: Any) -> bool:
        return _is_number(seen) and _CALENDAR[self.part](from_us(int(seen))) == self.number

    def of_column(self, values: npt.NDArray[Any]) -> Mask:
        """The same for a column: every part but the minute changes with the day alone."""
        unit = 60_000_000 if self.part is TimestampPart.MINUTE else 86_400_000_000
        units, place = np.unique(values.astype(np.int64) // unit, return_inverse=True)
        return np.fromiter((self(int(one) * unit) for one in units), np.bool_, len(units))[place]


def _equality_test(value: Any) -> FieldTest:
    if isinstance(value, SigmaNull):
        return _Presence(wanted=False)
    if isinstance(value, SigmaBool):
        return _Flag(bool(value))
    if isinstance(value, SigmaNumber):
        return _Comparison(operator.eq, value.number)
    raise UnsupportedValue(f"an event field is not compared with {type(value).__name__}")


def _is_number(seen: Any) -> bool:
    return isinstance(seen, int | float) and not isinstance(seen, bool)


def _wildcards(value: SigmaString) -> str:
    special: dict[object, str] = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    return "".join(re.escape(part) if isinstance(part, str) else special[part] for part in value.s)


def _regex_test(value: SigmaRegularExpression) -> FieldTest:
    return _expression_test(
        str(value.regexp),
        caseless=SigmaRegularExpressionFlag.IGNORECASE in value.flags,
        dot_all=SigmaRegularExpressionFlag.DOTALL in value.flags,
        lines=SigmaRegularExpressionFlag.MULTILINE in value.flags,
    )


def _expression_test(expression: str, *, caseless: bool, dot_all: bool, lines: bool = False) -> FieldTest:
    """A field such as the user agent is what a caller chose: Python's `re` could be held up for years by some."""
    flags = _FLAGS | (hs.HS_FLAG_CASELESS if caseless else 0) | (hs.HS_FLAG_DOTALL if dot_all else 0)
    flags |= hs.HS_FLAG_MULTILINE if lines else 0
    if not expression.isascii():
        flags |= hs.HS_FLAG_UCP
    try:
        _compiled(expression, flags)
    except hs.error as error:
        raise UnsupportedValue(f"the scanner cannot take {expression!r}: {error}") from error
    return _Expression(expression, flags)


@dataclass(frozen=True, slots=True)
class _Expression:
    """A value in which an expression is found; another process compiles it when it first asks."""

    expression: str
    flags: int

    def __call__(self, seen: Any) -> bool:
        found: list[int] = []
        if seen is not None:
            database = _compiled(self.expression, self.flags)
            database.scan(utf8(_as_text(seen)), match_event_handler=_collect, context=found)
        return bool(found)


@lru_cache(maxsize=4096)
def _compiled(expression: str, flags: int) -> Any:
    database = hs.Database(mode=hs.HS_MODE_BLOCK)
    database.compile(expressions=[utf8(expression)], ids=[0], elements=1, flags=[flags])
    return database


def _collect(number: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(number)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
