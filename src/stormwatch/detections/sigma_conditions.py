"""pySigma's parsed condition to our condition tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
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

from stormwatch.detections.conditions import (
    AllOf,
    Condition,
    FieldMatch,
    NoneOf,
    TextMatch,
    any_of,
    search_test,
    wildcard_test,
)
from stormwatch.detections.normalise import TEXT_FIELDS
from stormwatch.detections.patterns import UnsupportedValue, pattern_of

_COMPARISONS: Final[dict[CompareOperators, Callable[[float, float], bool]]] = {
    CompareOperators.LT: lambda a, b: a < b,
    CompareOperators.LTE: lambda a, b: a <= b,
    CompareOperators.GT: lambda a, b: a > b,
    CompareOperators.GTE: lambda a, b: a >= b,
}


def condition_of(node: Any) -> Condition:
    """Our tree for a postprocessed pySigma condition; UnsupportedValue says what cannot be evaluated."""
    if isinstance(node, ConditionAND):
        return AllOf(tuple(condition_of(argument) for argument in node.args))
    if isinstance(node, ConditionOR):
        return any_of(condition_of(argument) for argument in node.args)
    if isinstance(node, ConditionNOT):
        return NoneOf(condition_of(node.args[0]))
    if isinstance(node, ConditionFieldEqualsValueExpression):
        if node.field in TEXT_FIELDS:
            return _text_match(node.value, (node.field,))
        return FieldMatch(node.field, f"{type(node.value).__name__}:{node.value}", _field_test(node.value))
    if isinstance(node, ConditionValueExpression):
        return _text_match(_keyword(node.value), TEXT_FIELDS)
    raise UnsupportedValue(f"{type(node).__name__} is not evaluated here")


def _keyword(value: Any) -> Any:
    """A Sigma keyword fits anywhere in the text."""
    if isinstance(value, SigmaString):
        anywhere = SpecialChars.WILDCARD_MULTI
        return anywhere + value + anywhere
    return value


def _text_match(value: Any, fields: tuple[str, ...]) -> TextMatch:
    if isinstance(value, SigmaNumber):
        value = SigmaString(str(value))
    if not isinstance(value, SigmaString | SigmaRegularExpression):
        raise UnsupportedValue(f"a text field is not compared with {type(value).__name__}")
    return TextMatch((pattern_of(value),), fields)


def _field_test(value: Any) -> Callable[[Any], bool]:
    if isinstance(value, SigmaRegularExpression):
        return search_test(str(value.regexp), _python_flags(value))
    if isinstance(value, SigmaString):
        return wildcard_test(_wildcards(value), cased=isinstance(value, SigmaCasedString))
    if isinstance(value, SigmaExists):
        wanted = bool(value)
        return lambda seen: (seen is not None) is wanted
    if isinstance(value, SigmaCompareExpression):
        compare, bound = _COMPARISONS[value.op], float(value.number.number)
        return lambda seen: isinstance(seen, int | float) and compare(seen, bound)
    return _equality_test(value)


def _equality_test(value: Any) -> Callable[[Any], bool]:
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


def _python_flags(value: SigmaRegularExpression) -> int:
    flags = 0
    if SigmaRegularExpressionFlag.IGNORECASE in value.flags:
        flags |= re.IGNORECASE
    if SigmaRegularExpressionFlag.DOTALL in value.flags:
        flags |= re.DOTALL
    return flags
