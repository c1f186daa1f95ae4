"""Sigma values on text fields to Hyperscan expressions, each with the flags that its characters need."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import hyperscan as hs
from sigma.types import SigmaCasedString, SigmaRegularExpression, SigmaRegularExpressionFlag, SigmaString, SpecialChars

from stormwatch.detections.sigma.regex_shape import ANCHOR_WEIGHT, ShapeProblem, literal_weight, split_edges
from stormwatch.detections.text.normalise import normalise

# Between the fields of one event: `.` stops at the newline, and the record separator is stripped from texts.
FIELD_END: Final = "\n\x1e"
_START: Final = r"(?:\A|\x1e)"
_END: Final = r"(?:\n\x1e|\z)"
_LINE_START: Final = r"(?:\A|\x1e|\n)"
_LINE_END: Final = r"(?:\n|\z)"
_REGEX_END: Final = r"\n?(?:\n\x1e|\z)"  # $ lets one line break follow
_ANY: Final = r"[^\x1e]"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One expression of the scan. Equal patterns of different rules are compiled once."""

    expression: str
    flags: int
    source: str
    """The regular expression as the rule states it, for checks of its shape."""
    from_wildcards: bool
    """Whether it was made from a plain Sigma value (anchors of ours in it are then in order)."""
    key: str = field(init=False, compare=False, repr=False)
    """Names the pattern in the sets of what a scan saw; a string remembers its hash, a tuple of fields does not."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.flags}:{self.expression}")


class UnsupportedValue(Exception):
    """The value cannot be turned into a pattern; the message says why."""


def pattern_of(value: SigmaString | SigmaRegularExpression) -> Pattern:
    """The pattern for a value on a text field; UnsupportedValue where there is none."""
    if isinstance(value, SigmaRegularExpression):
        return _from_regex(value)
    return _from_string(value)


def _from_string(value: SigmaString) -> Pattern:
    leading = value.s[:1] != [SpecialChars.WILDCARD_MULTI]
    trailing = value.s[-1:] != [SpecialChars.WILDCARD_MULTI]
    parts = _inner(value)
    body = "".join(_string_part(part) for part in parts)
    if not body:
        raise UnsupportedValue("a value of wildcards alone fits every text")
    expression = (_START if leading else "") + body + (_END if trailing else "")
    wide = not body.isascii() or SpecialChars.WILDCARD_SINGLE in parts
    cased = isinstance(value, SigmaCasedString)
    return Pattern(expression, _flags(wide=wide, caseless=not cased), body, from_wildcards=True)


def string_problem(value: SigmaString) -> ShapeProblem | None:
    """What is wrong with the shape of a plain value of a rule; None when it may be compiled."""
    text, parts = str(value), _inner(value)
    if SpecialChars.WILDCARD_MULTI in parts:
        return ShapeProblem(f"a * inside {text!r} is a gap without a bound", "write re with a bound, such as .{0,40}")
    if max((literal_weight(part) for part in parts if isinstance(part, str)), default=0) < ANCHOR_WEIGHT:
        return ShapeProblem(f"{text!r} has no literal anchor", "give it a run of three ASCII or two other letters")
    return None


def _inner(value: SigmaString) -> list[object]:
    """The parts of a value without the wildcards around them."""
    parts: list[object] = list(value.s)
    while parts and parts[0] == SpecialChars.WILDCARD_MULTI:
        parts = parts[1:]
    while parts and parts[-1] == SpecialChars.WILDCARD_MULTI:
        parts = parts[:-1]
    return parts


def _string_part(part: object) -> str:
    if isinstance(part, str):
        return re.escape(normalise(part)).replace("\x00", r"\x00")
    if part == SpecialChars.WILDCARD_MULTI:
        return f"{_ANY}*"
    if part == SpecialChars.WILDCARD_SINGLE:
        return _ANY
    raise UnsupportedValue("placeholders are not resolved here")


def _from_regex(value: SigmaRegularExpression) -> Pattern:
    source = normalise(value.to_plain())
    edges = split_edges(source)
    lines = SigmaRegularExpressionFlag.MULTILINE in value.flags
    wide = not source.isascii()
    flags = _flags(wide=wide, caseless=SigmaRegularExpressionFlag.IGNORECASE in value.flags)
    if SigmaRegularExpressionFlag.DOTALL in value.flags:
        flags |= hs.HS_FLAG_DOTALL
    body = _without_edges(edges.inner) if wide else edges.inner
    if edges.start:
        body = (_LINE_START if lines else _START) + body
    if edges.end:
        body += _LINE_END if lines else _REGEX_END
    return Pattern(body, flags, source, from_wildcards=False)


def _without_edges(source: str) -> str:
    r"""Hyperscan has no \b under Unicode properties; at either end of a pattern the same can be said otherwise."""
    if source.startswith(r"\b"):
        source = r"(?:\A|\W)" + source.removeprefix(r"\b")
    if source.endswith(r"\b") and not source.endswith(r"\\b"):
        source = source.removesuffix(r"\b") + r"(?:\W|\z)"
    return source


def _flags(*, wide: bool, caseless: bool) -> int:
    # SINGLEMATCH: a rule asks whether, not how often; it bounds the callbacks that a hostile text can cause.
    flags = hs.HS_FLAG_SINGLEMATCH | (hs.HS_FLAG_CASELESS if caseless else 0)
    # UTF8 on every pattern makes the database too large, and UCP is needed for letters outside ASCII in either case.
    return flags | (hs.HS_FLAG_UTF8 | hs.HS_FLAG_UCP if wide else 0)
