"""A rule's condition as a tree over pattern hits and event fields, and its truth for one event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

from stormwatch.detections.patterns import Pattern

FieldHits = Mapping[str, Set[str]]
"""The keys of the patterns seen, by text field."""


class EventFields(Protocol):
    """The columns of one event beside its text; a dict will do."""

    def get(self, name: str, /) -> Any:
        """The value of a column, None when it is null or unknown."""
        ...


@dataclass(frozen=True, slots=True)
class TextMatch:
    """True where one of the patterns was seen in one of the named text fields."""

    patterns: tuple[Pattern, ...]
    fields: tuple[str, ...]
    keys: frozenset[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(pattern.key for pattern in self.patterns))

    def holds(self, hits: FieldHits, _event: EventFields) -> bool:
        """Whether the scan saw one."""
        return any(name in hits and not self.keys.isdisjoint(hits[name]) for name in self.fields)


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """True where a field of the event satisfies a test; `described` is the test's canonical text."""

    field: str
    described: str
    test: Callable[[Any], bool]

    def holds(self, _hits: FieldHits, event: EventFields) -> bool:
        """Whether the event's value passes."""
        return self.test(event.get(self.field))


@dataclass(frozen=True, slots=True)
class AllOf:
    """True where every part is."""

    parts: tuple[Condition, ...]

    def holds(self, hits: FieldHits, event: EventFields) -> bool:
        """And."""
        return all(part.holds(hits, event) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where at least one part is."""

    parts: tuple[Condition, ...]

    def holds(self, hits: FieldHits, event: EventFields) -> bool:
        """Or."""
        return any(part.holds(hits, event) for part in self.parts)


@dataclass(frozen=True, slots=True)
class NoneOf:
    """True where the part is not."""

    part: Condition

    def holds(self, hits: FieldHits, event: EventFields) -> bool:
        """Not."""
        return not self.part.holds(hits, event)


Condition = TextMatch | FieldMatch | AllOf | AnyOf | NoneOf


def any_of(parts: Iterable[Condition]) -> Condition:
    """An or, in which text matches on the same fields are one look into one set."""
    patterns: dict[tuple[str, ...], tuple[Pattern, ...]] = {}
    others: list[Condition] = []
    for part in parts:
        if isinstance(part, TextMatch):
            patterns[part.fields] = patterns.get(part.fields, ()) + part.patterns
        else:
            others.append(part)
    merged = [*(TextMatch(found, fields) for fields, found in patterns.items()), *others]
    return merged[0] if len(merged) == 1 else AnyOf(tuple(merged))


def text_matches(condition: Condition) -> Iterator[TextMatch]:
    """Every text match in a condition, negated ones too."""
    if isinstance(condition, TextMatch):
        yield condition
    elif isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from text_matches(part)
    elif isinstance(condition, NoneOf):
        yield from text_matches(condition.part)


def needs_text(condition: Condition) -> bool:
    """Whether the condition can only hold where some pattern was seen: what makes it cheap on texts without a hit."""
    if isinstance(condition, TextMatch):
        return True
    if isinstance(condition, AllOf):
        return any(needs_text(part) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return all(needs_text(part) for part in condition.parts)
    return False
