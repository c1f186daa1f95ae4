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
from sigma.types import (
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from stormwatch.detections.sigma.conditions import (
    AllOf,
    Condition,
    FieldMatch,
    NoneOf,
    PairMatch,
    TextMatch,
    TextPresent,
    any_of,
)
from stormwatch.detections.sigma.event_fields import FieldKind, column_of, kind_of
from stormwatch.detections.sigma.field_tests import field_test, reference_test
from stormwatch.detections.sigma.patterns import UnsupportedValue, pattern_of
from stormwatch.detections.text.normalise import TEXT_FIELDS


def condition_of(node: Any) -> Condition:
    """Our tree for a postprocessed pySigma condition; UnsupportedValue says what cannot be evaluated."""
    if isinstance(node, ConditionAND):
        return AllOf(tuple(condition_of(argument) for argument in node.args))
    if isinstance(node, ConditionOR):
        return any_of(condition_of(argument) for argument in node.args)
    if isinstance(node, ConditionNOT):
        return NoneOf(condition_of(node.args[0]))
    if isinstance(node, ConditionFieldEqualsValueExpression):
        return _said(node.field, node.value) if node.field in TEXT_FIELDS else _event_field(node.field, node.value)
    if isinstance(node, ConditionValueExpression):
        return _keyword(node.value)
    raise UnsupportedValue(f"{type(node).__name__} is not evaluated here")


def _said(field: str, value: Any) -> Condition:
    if isinstance(value, SigmaExpansion):
        return any_of(_said(field, one) for one in value.values)
    if isinstance(value, SigmaExists):
        return TextPresent(field, wanted=bool(value))
    if isinstance(value, SigmaNull) or (isinstance(value, SigmaString) and not value.s):
        return TextPresent(field, wanted=False)
    return _text_match(value, (field,))


def _event_field(field: str, value: Any) -> Condition:
    kind = kind_of(field)
    if isinstance(value, SigmaExpansion):
        return any_of(_event_field(field, one) for one in value.values)
    if isinstance(value, SigmaFieldReference):
        if kind_of(value.field) is FieldKind.SAID or value.field == "time":
            raise UnsupportedValue(f"{value.field!r} is no field of the event that another can be compared with")
        described = f"{value.field}:{value.starts_with:d}{value.ends_with:d}"
        return PairMatch(column_of(field), column_of(value.field), described, reference_test(value))
    if kind is FieldKind.TEXT and isinstance(value, SigmaNumber):
        value = SigmaString(str(value))  # a model may be called 4
    test = field_test(value)
    return FieldMatch(column_of(field), _described(value), test, absent=test(None))


def _described(value: Any) -> str:
    parts = [type(value).__name__]
    if isinstance(value, SigmaRegularExpression):
        parts.append("".join(sorted(flag.name[0] for flag in value.flags)))
    if isinstance(value, SigmaTimestampPart):
        parts.append(value.timestamp_part.name)
    if isinstance(value, SigmaCompareExpression):
        parts += [value.op.name, str(value.number)]
        return ":".join(parts)
    return ":".join((*parts, str(bool(value)) if isinstance(value, SigmaExists) else str(value)))


def _keyword(value: Any) -> Condition:
    """A Sigma keyword fits anywhere in the text."""
    if isinstance(value, SigmaExpansion):
        return any_of(_keyword(one) for one in value.values)
    if isinstance(value, SigmaString):
        anywhere = SpecialChars.WILDCARD_MULTI
        value = anywhere + value + anywhere
    return _text_match(value, TEXT_FIELDS)


def _text_match(value: Any, fields: tuple[str, ...]) -> TextMatch:
    if isinstance(value, SigmaNumber):
        value = SigmaString(str(value))
    if not isinstance(value, SigmaString | SigmaRegularExpression):
        raise UnsupportedValue(f"a text field is not compared with {type(value).__name__}")
    return TextMatch((pattern_of(value),), fields)
