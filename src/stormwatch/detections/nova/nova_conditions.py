"""The condition of a NOVA rule to a tree over its keywords, with what needs a model taken for never seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Final, Literal

from stormwatch.detections.nova.nova import MODEL_SECTIONS, NovaProblem, NovaRule

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<bracket>[()])|(?P<of>(?:any|all|\d+)\s+of\s+)|(?P<name>(?:keywords|semantics|llm)\.(?:\*|\$\w+\*?)|"
    r"(?:keywords|semantics|llm)\b|\$\w+\*?)|(?P<word>and|or|not|true|false)\b)",
    re.IGNORECASE,
)
# `n of` is written out as every choice of n; more choices than this are refused.
_MOST_CHOICES: Final = 200
_DEEPEST: Final = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """A keyword was seen."""

    name: str


@dataclass(frozen=True, slots=True)
class Joined:
    """All or any of the parts, or none of the one part."""

    op: Literal["and", "or", "not"]
    parts: tuple[Node, ...]


Node = Seen | Joined | bool


@dataclass(frozen=True, slots=True)
class Reduced:
    """A condition without model parts: what is left, which were left out, and which of them only kept hits away."""

    node: Node
    left_out: tuple[str, ...]
    guards: tuple[str, ...]


def reduce_condition(rule: NovaRule) -> Reduced:
    """The condition over keywords alone; NovaProblem where it cannot be read."""
    parser = _Parser(rule)
    node = parser.whole()
    return Reduced(node, tuple(dict.fromkeys(parser.left_out)), tuple(dict.fromkeys(parser.guards)))


class _Parser:
    """Recursive descent: or, and, not, then a name, a quantifier or brackets."""

    def __init__(self, rule: NovaRule) -> None:
        self._rule = rule
        self._tokens = list(self._split(rule.condition))
        self._at = 0
        self._negations = 0
        self._depth = 0
        self.left_out: list[str] = []
        self.guards: list[str] = []

    def whole(self) -> Node:
        """The whole condition."""
        node = self._either()
        if self._at < len(self._tokens):
            raise self._problem(f"{self._tokens[self._at][1]!r} is not expected here")
        return node

    def _split(self, text: str) -> Iterator[tuple[str, str]]:
        place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._problem(f"{text[place : place + 40].strip()!r} cannot be read")
            place = match.end()
            yield str(match.lastgroup), str(match[str(match.lastgroup)])

    def _problem(self, what: str) -> NovaProblem:
        return NovaProblem(f"the condition: {what}", self._rule.condition_line)

    def _next_is(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][1].lower() == word:
            self._at += 1
            return True
        return False

    def _either(self) -> Node:
        parts = [self._both()]
        while self._next_is("or"):
            parts.append(self._both())
        return any_of(parts)

    def _both(self) -> Node:
        parts = [self._one()]
        while self._next_is("and"):
            parts.append(self._one())
        return all_of(parts)

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._problem("brackets or negations go too deep")
        try:
            return self._not() if self._next_is("not") else self._unit()
        finally:
            self._depth -= 1

    def _not(self) -> Node:
        self._negations += 1
        inner = self._one()
        self._negations -= 1
        return (not inner) if isinstance(inner, bool) else Joined("not", (inner,))

    def _unit(self) -> Node:
        if self._next_is("("):
            node = self._either()
            if not self._next_is(")"):
                raise self._problem("a bracket is not closed")
            return node
        if self._at >= len(self._tokens):
            raise self._problem("it ends too early")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "name":
            return any_of(self._leaves(text))
        if kind == "word" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "of":
            return self._quantified(text.split()[0].lower())
        raise self._problem(f"{text!r} is not expected here")

    def _quantified(self, quantifier: str) -> Node:
        bracket = self._next_is("(")
        if self._at >= len(self._tokens) or self._tokens[self._at][0] != "name":
            raise self._problem("`of` names nothing")
        leaves = list(self._leaves(self._tokens[self._at][1]))
        self._at += 1
        if bracket and not self._next_is(")"):
            raise self._problem("a bracket is not closed")
        if quantifier == "any":
            return any_of(leaves)
        if quantifier == "all":
            return all_of(leaves) if leaves else False
        return self._at_least(int(quantifier), leaves)

    def _at_least(self, wanted: int, leaves: Sequence[Node]) -> Node:
        seen = [leaf for leaf in leaves if leaf is not False]
        if wanted < 1:
            return True
        if wanted > len(seen):
            return False
        if comb(len(seen), wanted) > _MOST_CHOICES:
            raise self._problem(f"{wanted} of {len(seen)} are more choices than can be written out")
        return any_of([all_of(choice) for choice in combinations(seen, wanted)])

    def _leaves(self, text: str) -> Iterator[Node]:
        """The variables that a name or wildcard stands for: keywords, and False for what needs a model."""
        section, _, pattern = text.rpartition(".") if "." in text else ("", "", text)
        if not section and not text.startswith("$"):
            section, pattern = text, "*"
        found = False
        for part, names in self._sections(section.lower()):
            for name in names:
                if _fits(name, pattern):
                    found = True
                    yield self._leaf(part, name)
        if not found and not pattern.endswith("*"):
            raise self._problem(f"{text!r} is not defined")

    def _sections(self, section: str) -> Iterator[tuple[str, Iterable[str]]]:
        for name, variables in (("keywords", tuple(self._rule.keywords)), *self._rule.model_parts.items()):
            if not section or name == section:
                yield name, variables

    def _leaf(self, section: str, name: str) -> Node:
        if section not in MODEL_SECTIONS:
            return Seen(name)
        called = f"{section}.${name}"
        self.left_out.append(called)
        if self._negations % 2:
            self.guards.append(called)
        return False


def _fits(name: str, pattern: str) -> bool:
    wanted = pattern.removeprefix("$")
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def any_of(parts: Iterable[Node]) -> Node:
    """An or without what is never true."""
    left = tuple(dict.fromkeys(part for part in parts if part is not False))
    if True in left:
        return True
    return False if not left else left[0] if len(left) == 1 else Joined("or", left)


def all_of(parts: Iterable[Node]) -> Node:
    """An and without what is always true."""
    left = tuple(dict.fromkeys(part for part in parts if part is not True))
    if False in left:
        return False
    return True if not left else left[0] if len(left) == 1 else Joined("and", left)


def names_in(node: Node) -> Iterator[str]:
    """The keywords that a condition still asks for."""
    if isinstance(node, Seen):
        yield node.name
    elif isinstance(node, Joined):
        for part in node.parts:
            yield from names_in(part)


def sigma_condition(node: Seen | Joined) -> str:
    """The condition in Sigma's words; each keyword is the selection of its name."""
    if isinstance(node, Seen):
        return f"kw_{node.name}"
    parts = [sigma_condition(part) for part in node.parts if not isinstance(part, bool)]
    if node.op == "not":
        return f"not {parts[0]}"
    return f"({f' {node.op} '.join(parts)})"
