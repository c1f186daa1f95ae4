"""Patterns of rules to compiled scans: those that are shipped in one, those that an operator adds in another.

A rule that is added or changed then compiles with its like, not with the thousand shipped patterns, which take long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import hyperscan as hs

from stormwatch.config import shipped
from stormwatch.detections.rulebook.compiled import compile_patterns, compiled
from stormwatch.detections.sigma.conditions import AllOf, text_matches
from stormwatch.detections.sigma.patterns import Pattern
from stormwatch.detections.sigma.rule import Rule
from stormwatch.model.errors import InvalidInput


class PatternScan:
    """One compiled database; its patterns are numbered from `first` on."""

    def __init__(self, database: Any, first: int) -> None:
        self._database: Final = database
        self._collect: Final = _collect if first == 0 else _collect_from(first)

    def see(self, content: bytes, found: set[int]) -> None:
        """Adds the numbers of the patterns that occur."""
        self._database.scan(content, match_event_handler=self._collect, context=found)

    def size_bytes(self) -> int:
        """Size of the database."""
        return int(self._database.size())


def parts_of(rules: Iterable[Rule]) -> tuple[tuple[Pattern, ...], ...]:
    """The distinct patterns: first those of the shipped rules, then all others; a part without any is left out."""
    folder = shipped("rules")
    ours: dict[Pattern, None] = {}
    own: dict[Pattern, None] = {}
    for rule in rules:
        if rule.path.is_relative_to(folder):
            ours.update(dict.fromkeys(_unfiltered(rule)))
        own.update(dict.fromkeys(rule.patterns))
    parts = tuple(ours), tuple(pattern for pattern in own if pattern not in ours)
    return tuple(part for part in parts if part)


def scans_of(
    rules: Sequence[Rule], parts: Iterable[Sequence[Pattern]], kept_in: Path | None
) -> tuple[PatternScan, ...]:
    """Each part compiled, its patterns numbered on from the part before; InvalidInput names a rule that cannot be."""
    scans, first = [], 0
    for part in parts:
        scans.append(PatternScan(_compile(rules, part, kept_in), first))
        first += len(part)
    return tuple(scans)


def _unfiltered(rule: Rule) -> Iterable[Pattern]:
    """The patterns of the rule's own file: a filter that an operator lays over a shipped rule is not shipped."""
    condition = rule.condition
    for _ in rule.filters:
        if isinstance(condition, AllOf):  # each filter stands beside what it narrows
            condition = condition.parts[0]
    return (pattern for match in text_matches(condition) for pattern in match.patterns)


def _collect(number: int, _start: int, _end: int, _flags: int, found: set[int]) -> None:
    found.add(number)


def _collect_from(first: int) -> Callable[[int, int, int, int, set[int]], None]:
    def collect(number: int, _start: int, _end: int, _flags: int, found: set[int]) -> None:
        found.add(first + number)

    return collect


def _compile(rules: Sequence[Rule], patterns: Sequence[Pattern], kept_in: Path | None) -> Any:
    try:
        return compiled(patterns, kept_in)
    except hs.error as error:
        for rule in rules:
            reason = compile_fault(rule.patterns)
            if reason:
                raise InvalidInput(
                    f"the scanner cannot take this rule: {reason}",
                    where=f"{rule.path}:{rule.line}",
                    remedy="simplify it; `stormwatch rules check` says how",
                ) from error
        raise InvalidInput(
            f"the rules together are too large for one database: {error}", remedy="simplify or remove some"
        ) from error


def compile_fault(patterns: Iterable[Pattern]) -> str | None:
    """Why the scanner refuses one of these patterns; None when it takes each."""
    every = list(patterns)
    try:
        # Together they compile in half the time; one by one only to say which it is.
        if every:
            compile_patterns(every)
    except hs.error:
        pass
    else:
        return None
    for pattern in every:
        try:
            compile_patterns([pattern])
        except hs.error as error:
            return f"{pattern.source!r}: {error}"
    return None
