"""Rules compiled for Hyperscan: one scan of a text, a second for own rules; conditions only where something allows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa

from stormwatch.detections.correlations.correlation import Correlation
from stormwatch.detections.rulebook.pattern_scans import PatternScan, parts_of, scans_of
from stormwatch.detections.sigma.conditions import EventFields, FieldHits, needs_text
from stormwatch.detections.sigma.field_screen import candidates
from stormwatch.detections.sigma.patterns import FIELD_END, Pattern
from stormwatch.detections.sigma.rule import Rule
from stormwatch.detections.text.evasion_triggers import Disguise
from stormwatch.detections.text.normalise import NormalField, NormalText, utf8
from stormwatch.model.event import EventText

_SEPARATOR: Final = FIELD_END.encode()


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule whose condition holds for an event, and the text fields in which its patterns were seen."""

    rule: Rule
    fields: tuple[str, ...]
    disguise: Disguise | None = None
    """What had to be undone before the rule held; None when it holds of the text as it was written."""


class RuleSet:
    """Compiled rules and the correlations over them. `version` names the whole set, `versions` each rule's content."""

    def __init__(
        self, rules: Sequence[Rule], correlations: Sequence[Correlation] = (), *, kept_in: Path | None = None
    ) -> None:
        self.rules: Final = tuple(sorted(rules, key=lambda rule: rule.rule_id))
        self.correlations: Final = tuple(correlations)
        self.versions: Final = frozenset(rule.rule_version for rule in self.rules)
        versions = sorted((*self.versions, *(correlation.rule_version for correlation in self.correlations)))
        self.version: Final = hashlib.sha256(",".join(versions).encode()).hexdigest()[:16]
        self.kept_in: Final = kept_in
        self._parts: Final = parts_of(self.rules)
        self.patterns: Final = tuple(pattern for part in self._parts for pattern in part)
        self._keys: Final = tuple(pattern.key for pattern in self.patterns)
        self._keys_of: Final = tuple(frozenset(pattern.key for pattern in rule.patterns) for rule in self.rules)
        self._rules_of: Final = _rules_by_pattern(self.rules, self.patterns)
        # Rules that may hold without any pattern seen: their fields say where to try them.
        self._by_fields: Final = tuple(index for index, rule in enumerate(self.rules) if not needs_text(rule.condition))

    @cached_property
    def _scans(self) -> tuple[PatternScan, ...]:
        """Compiled when first needed: a hunt without news, or a subset of nothing, needs none."""
        return scans_of(self.rules, self._parts, self.kept_in)

    def subset(self, versions: Set[str]) -> RuleSet:
        """The rules of the named versions, compiled on their own."""
        return RuleSet([rule for rule in self.rules if rule.rule_version in versions], kept_in=self.kept_in)

    def scan(self, text: EventText, fields: EventFields) -> tuple[RuleHit, ...]:
        """The rules that hold for an event, in the order of their ids; `fields` are its columns beside the text."""
        return self.scan_normal(NormalText.of(text), fields)

    def candidates(self, events: pa.Table) -> Mapping[int, tuple[int, ...]]:
        """For a batch of events: by place, the rules that their fields allow to hold whatever the text says.

        To be handed on to `scan_normal`, so that no rule without a text anchor is tried event by event.
        """
        return candidates(((index, self.rules[index].condition) for index in self._by_fields), events)

    def scan_normal(
        self, text: NormalText, fields: EventFields, candidates: Sequence[int] | None = None
    ) -> tuple[RuleHit, ...]:
        """The same for text that is normalised already; `candidates` are this event's of its batch, None: unknown."""
        tried = self._by_fields if candidates is None else candidates
        filled = text.filled
        # One scan of everything said. It may see too much (a gap that runs over a field's end, or a field the rule does
        # not ask for), never too little, so a second look at single fields is needed only where it saw something.
        seen = self._seen(_together(filled)) if filled else frozenset()
        if not seen and not tried and not text.views:
            return ()
        if len(filled) > 1 and seen:
            hits = {name: {self._keys[number] for number in self._seen(raw)} for name, _, raw in filled}
        else:
            hits = {name: {self._keys[number] for number in seen} for name, _, _ in filled}
        held = self._held(seen, hits, fields, tried)
        if not text.views:
            return tuple(RuleHit(self.rules[index], self._fields(index, hits)) for index in held)
        return self._with_views(text, held, hits, fields)

    def _held(self, seen: Set[int], hits: FieldHits, fields: EventFields, tried: Sequence[int] = ()) -> list[int]:
        indexes = {index for number in seen for index in self._rules_of[number]}.union(tried)
        return sorted(index for index in indexes if self.rules[index].condition.holds(hits, fields))

    def _with_views(
        self, text: NormalText, held: Sequence[int], hits: FieldHits, fields: EventFields
    ) -> tuple[RuleHit, ...]:
        """What holds of the text, and what holds once its views are read with it: a view never takes a hit away."""
        more = {name: set(keys) for name, keys in hits.items()}
        shown: dict[int, Disguise] = {}
        for name, view in text.views:
            in_view = self._seen(utf8(view.text))
            more.setdefault(name, set()).update(self._keys[number] for number in in_view)
            for index in self._held(in_view, more, fields):
                shown.setdefault(index, view.disguise)
        found = {index: RuleHit(self.rules[index], self._fields(index, hits)) for index in held}
        for index, disguise in shown.items():
            found.setdefault(index, RuleHit(self.rules[index], self._fields(index, more), disguise))
        return tuple(found[index] for index in sorted(found))

    def _fields(self, index: int, hits: FieldHits) -> tuple[str, ...]:
        return tuple(name for name, keys in hits.items() if not keys.isdisjoint(self._keys_of[index]))

    def patterns_seen(self, text: str) -> Set[Pattern]:
        """The patterns that occur in one normalised text, whatever their rules' conditions say."""
        return {self.patterns[number] for number in self._seen(utf8(text))}

    def size_bytes(self) -> int:
        """Size of what is compiled."""
        return sum(scan.size_bytes() for scan in self._scans)

    def _seen(self, content: bytes) -> Set[int]:
        found: set[int] = set()
        for scan in self._scans:
            scan.see(content, found)
        return found


def _together(filled: Sequence[NormalField]) -> bytes:
    return filled[0][2] if len(filled) == 1 else _SEPARATOR.join([raw for _, _, raw in filled])


def _rules_by_pattern(rules: Sequence[Rule], patterns: Sequence[Pattern]) -> Mapping[int, tuple[int, ...]]:
    numbers = {pattern: number for number, pattern in enumerate(patterns)}
    rules_of: dict[int, list[int]] = {}
    for index, rule in enumerate(rules):
        for pattern in rule.patterns:
            rules_of.setdefault(numbers[pattern], []).append(index)
    return {number: tuple(indexes) for number, indexes in rules_of.items()}
