"""pySigma's parsed condition to our condition tree."""

from __future__ import annotations

from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import SigmaNumber, SigmaRegularExpression, SigmaString, SpecialChars

from stormwatch.detections.conditions import (
    AllOf,
    Condition,
    FieldMatch,
    NoneOf,
    TextMatch,
    any_of,
)
from stormwatch.detections.field_tests import field_test
from stormwatch.detections.normalise import TEXT_FIELDS
from stormwatch.detections.patterns import UnsupportedValue, pattern_of


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
        return FieldMatch(node.field, f"{type(node.value).__name__}:{node.value}", field_test(node.value))
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
