"""A rule's condition as a tree over pattern hits and event fields, and its truth for one event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

from stormwatch.detections.sigma.patterns import Pattern

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
        # Loops, here and below: a rule is tried on most texts that hold one of its words, and generators cost twice.
        for name in self.fields:  # noqa: SIM110
            if name in hits and not self.keys.isdisjoint(hits[name]):
                return True
        return False


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """True where a field of the event satisfies a test; `described` is the test's canonical text.

    `absent` marks a test that a missing value passes: it narrows a rule and cannot carry one.
    """

    field: str
    described: str
    test: Callable[[Any], bool]
    absent: bool = False

    def holds(self, _hits: FieldHits, event: EventFields) -> bool:
        """Whether the event's value passes."""
        return self.test(event.get(self.field))


@dataclass(frozen=True, slots=True)
class TextPresent:
    """True where a text field holds anything, or, if not `wanted`, nothing."""

    field: str
    wanted: bool

    def holds(self, hits: FieldHits, _event: EventFields) -> bool:
        """Whether something was said there."""
        return (self.field in hits) is self.wanted


@dataclass(frozen=True, slots=True)
class PairMatch:
    """True where two fields of the event satisfy a test together."""

    field: str
    other: str
    described: str
    test: Callable[[Any, Any], bool]

    def holds(self, _hits: FieldHits, event: EventFields) -> bool:
        """Whether the two values pass."""
        return self.test(event.get(self.field), event.get(self.other))


@dataclass(frozen=True, slots=True)
class AllOf:
    """True where every part is."""

    parts: tuple[Condition, ...]

    def holds(self, hits: FieldHits, event: EventFields) -> bool:
        """And."""
        for part in self.parts:  # noqa: SIM110
            if not part.holds(hits, event):
                return False
        return True


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where at least one part is."""

    parts: tuple[Condition, ...]

    def holds(self, hits: FieldHits, event: EventFields) -> bool:
        """Or."""
        for part in self.parts:  # noqa: SIM110
            if part.holds(hits, event):
                return True
        return False


@dataclass(frozen=True, slots=True)
class NoneOf:
    """True where the part is not."""

    part: Condition

    def holds(self, hits: FieldHits, event: EventFields) -> bool:
        """Not."""
        return not self.part.holds(hits, event)


Condition = TextMatch | TextPresent | FieldMatch | PairMatch | AllOf | AnyOf | NoneOf


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
    return _every_way(condition, lambda leaf: isinstance(leaf, TextMatch))


def asks_for_something(condition: Condition) -> bool:
    """Whether each way to fulfil the condition demands that something is there; a pure negation does not."""
    return _every_way(condition, _is_positive)


def _is_positive(leaf: Condition) -> bool:
    if isinstance(leaf, FieldMatch):
        return not leaf.absent
    return not isinstance(leaf, TextPresent) or leaf.wanted


def _every_way(condition: Condition, accept: Callable[[Condition], bool]) -> bool:
    if isinstance(condition, AllOf):
        return any(_every_way(part, accept) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return all(_every_way(part, accept) for part in condition.parts)
    return not isinstance(condition, NoneOf) and accept(condition)
