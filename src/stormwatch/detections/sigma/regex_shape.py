"""The shape of a regular expression: its required literal, its unbounded gaps, and how large its automaton may get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final

# A literal of three ASCII characters, or two of a script that says more in each, keeps the scan on its fast path.
ANCHOR_WEIGHT: Final = 3
LARGEST_GAP: Final = 200
# Positions of the automaton after counted repeats are written out; Hyperscan refuses or crawls some way beyond.
LARGEST_SIZE: Final = 6_000

# Beside letters outside ASCII every character is several bytes and compiling slows down by orders of magnitude.
LARGEST_WIDE_GAP: Final = 40
_SHORT_WIDE_GAP: Final = 12

# An escape, the opening of a class with what may stand first in it, or any other character.
_TOKEN: Final = re.compile(r"\\.|\[\^?\]?|.", re.DOTALL)

_REPEATS: Final = (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT)
_LOOKS: Final = (code.ASSERT, code.ASSERT_NOT, code.GROUPREF, code.GROUPREF_EXISTS, code.ATOMIC_GROUP)
_EDGES: Final = (code.AT_BEGINNING, code.AT_BEGINNING_STRING, code.AT_END, code.AT_END_STRING)


@dataclass(frozen=True, slots=True)
class ShapeProblem:
    """Why an expression is refused, and what to write instead."""

    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Edges:
    """A regular expression without the ^ or $ at its ends, and whether they were there."""

    inner: str
    start: bool = False
    end: bool = False


def split_edges(source: str) -> Edges:
    """Takes ^ and $ off the very ends, where the scanner can be told them in other words.

    An expression that is an alternation as a whole is left alone: there they tie one of its branches only.
    """
    inner = source.removeprefix("^")
    start = inner != source
    rest = inner.removesuffix("$")
    end = rest != inner and (len(rest) - len(rest.rstrip("\\"))) % 2 == 0
    inner = rest if end else inner
    if not (start or end) or _alternates(inner):
        return Edges(source)
    return Edges(inner, start, end)


def _alternates(source: str) -> bool:
    """Whether a | stands outside every group and class."""
    depth, in_class = 0, False
    for part in _TOKEN.findall(source):
        if in_class:
            in_class = part != "]"
        elif part[0] == "[":
            in_class = True
        elif part in "()":
            depth += 1 if part == "(" else -1
        elif part == "|" and depth == 0:
            return True
    return False


def shape_problems(source: str) -> Iterator[ShapeProblem]:
    """What is wrong with the shape of a regular expression that a rule states; nothing when it may be compiled."""
    fatal = list(field_shape_problems(source))
    yield from fatal
    if fatal:
        return
    tree = parser.parse(split_edges(source).inner)
    if any(_gaps(tree)):
        yield ShapeProblem(
            f"{source!r} has a gap without a bound, or longer than {LARGEST_GAP}",
            f"bound every repeat, such as .{{0,40}}, at {LARGEST_GAP} or less",
        )
    elif not source.isascii():
        yield from _wide_problems(source, tree)
    unsupported = sorted({str(op).lower() for op, argument in _walk(tree) if _is_unsupported(op, argument)})
    if unsupported:
        yield ShapeProblem(
            f"{source!r} uses what the scanner does not have ({', '.join(unsupported)})",
            "write it without lookaround and back-reference, and with ^ and $ at its very ends alone",
        )
    if _anchor(tree) < ANCHOR_WEIGHT:
        yield ShapeProblem(
            f"{source!r} has no literal anchor",
            "let every alternative contain a fixed run of three ASCII or two other letters",
        )


def _wide_problems(source: str, tree: Any) -> Iterator[ShapeProblem]:
    """What a pattern with letters outside ASCII may not hold, because compiling it could take minutes."""
    gaps = [int(argument[1]) for op, argument in _walk(tree) if op in _REPEATS]
    if max(gaps, default=0) > LARGEST_WIDE_GAP or sum(gap > _SHORT_WIDE_GAP for gap in gaps) > 1:
        limits = f"over {LARGEST_WIDE_GAP}, or two over {_SHORT_WIDE_GAP}"
        yield ShapeProblem(
            f"{source!r} has a gap {limits}, beside letters outside ASCII",
            "demand its parts apart with re|all, in any order",
        )
    if any(op is code.IN and _word_class(argument) for op, argument in _walk(tree)):
        yield ShapeProblem(f"{source!r} has \\w beside letters outside ASCII", "name the letters, such as [а-я]")


def _word_class(members: Any) -> bool:
    classes = (code.CATEGORY_WORD, code.CATEGORY_NOT_WORD)
    return any(op is code.CATEGORY and argument in classes for op, argument in members)


def field_shape_problems(source: str) -> Iterator[ShapeProblem]:
    """The same for a short field of the event, which is tried after a text hit alone: only what may never end."""
    try:
        tree = parser.parse(source)
    except (re.error, RecursionError, OverflowError) as error:
        yield ShapeProblem(f"{source!r} is no regular expression: {error}", "correct it")
        return
    if _nested_unbounded(tree, inside=False):
        yield ShapeProblem(
            f"catastrophic regex {source!r}: an unbounded repeat inside an unbounded repeat",
            "write one repeat with an upper bound, such as {1,20}",
        )
    elif _size(tree) > LARGEST_SIZE:
        yield ShapeProblem(
            f"catastrophic regex {source!r}: its counted repeats multiply to {_size(tree)} states",
            f"keep the product of nested repeats below {LARGEST_SIZE}",
        )


def literal_weight(text: str) -> int:
    """How well a fixed run of text anchors a scan: 1 per ASCII character, 2 per other."""
    return sum(1 if character.isascii() else 2 for character in text)


def _children(op: Any, argument: Any) -> list[Any]:
    if op in _REPEATS:
        return [argument[2]]
    if op is code.SUBPATTERN:
        return [argument[3]]
    if op is code.BRANCH:
        return list(argument[1])
    if op in (code.ASSERT, code.ASSERT_NOT):
        return [argument[1]]
    return [argument] if op is code.ATOMIC_GROUP else []


def _walk(tree: Any) -> Iterator[tuple[Any, Any]]:
    for op, argument in tree:
        yield op, argument
        for child in _children(op, argument):
            yield from _walk(child)


def _is_unsupported(op: Any, argument: Any) -> bool:
    return op in _LOOKS or (op is code.AT and argument in _EDGES)


def _nested_unbounded(tree: Any, *, inside: bool) -> bool:
    for op, argument in tree:
        unbounded = op in _REPEATS and argument[1] is code.MAXREPEAT
        if unbounded and inside:
            return True
        if any(_nested_unbounded(child, inside=inside or unbounded) for child in _children(op, argument)):
            return True
    return False


def _gaps(tree: Any) -> Iterator[bool]:
    for op, argument in _walk(tree):
        if op in _REPEATS:
            yield argument[1] is code.MAXREPEAT or argument[1] > LARGEST_GAP


def _size(tree: Any) -> int:
    total = 0
    for op, argument in tree:
        inner = sum(_size(child) for child in _children(op, argument)) or 1
        total += inner * (int(argument[1]) if op in _REPEATS and argument[1] is not code.MAXREPEAT else 1)
    return total


def _anchor(tree: Any) -> int:
    """The weight of the best literal run that every match must contain."""
    best = run = 0
    for op, argument in tree:
        if op is code.LITERAL:
            run += literal_weight(chr(argument))
            best = max(best, run)
            continue
        if op is code.AT:
            continue
        run = 0
        if op is code.BRANCH:
            best = max(best, min(_anchor(branch) for branch in argument[1]))
        elif op is code.SUBPATTERN or (op in _REPEATS and argument[0] > 0):
            best = max(best, *(_anchor(child) for child in _children(op, argument)))
    return best
