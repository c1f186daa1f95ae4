"""Correlations over all hits at once: what a hunt does, and what the stream must agree with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from stormwatch.detections.correlations.correlation import Correlation, Firing, RuleHit
from stormwatch.detections.correlations.correlation_semantics import GroupHit, firings_of_group, placed_hits


def correlate_all(correlations: Sequence[Correlation], hits: Iterable[RuleHit]) -> list[Firing]:
    """All firings, in the order of time; `correlations` stand after those that they build on."""
    by_rule: dict[str, dict[tuple[int, str, str, str], RuleHit]] = defaultdict(dict)
    for hit in hits:
        keep(by_rule[hit.rule_id], hit)
    found: list[Firing] = []
    for correlation in correlations:
        groups: dict[tuple[str, ...], list[GroupHit]] = defaultdict(list)
        for rule_id in {member.rule_id for member in correlation.members}:
            for hit in by_rule.get(rule_id, {}).values():
                for group, placed in placed_hits(correlation, hit):
                    groups[group].append(placed)
        for group, members in groups.items():
            members.sort(key=lambda hit: hit.key)
            for firing in firings_of_group(correlation, group, members):
                found.append(firing)
                keep(by_rule[correlation.rule_id], firing.as_hit())
    return sorted(found, key=firing_order)


def keep(known: dict[tuple[int, str, str, str], RuleHit], hit: RuleHit) -> None:
    """Adds a hit that may be there already; of two events with one id the same one is kept, whichever came first."""
    other = known.get(hit.key)
    if other is None or content(hit) < content(other):
        known[hit.key] = hit


def content(hit: RuleHit) -> str:
    """What orders two hits of one key."""
    return repr(sorted((name, str(value)) for name, value in hit.fields.items()))


def firing_order(firing: Firing) -> tuple[int, str, str, str, tuple[str, ...]]:
    """The one order of firings."""
    return firing.time_us, firing.event_id, firing.account_id, firing.correlation_id, firing.group
