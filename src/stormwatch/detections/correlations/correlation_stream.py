"""Correlations over hits as they arrive, late ones too, in bounded memory: the same firings as over all hits at once.

Firings are told as changes, because a late event can move or undo what fired before it. Correlations by cluster are
left to the hunt: clusters are its result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from stormwatch.detections.correlations.correlating_batch import content, firing_order
from stormwatch.detections.correlations.correlation import Correlation, Firing, RuleHit
from stormwatch.detections.correlations.correlation_semantics import GroupHit, Sweep, moments, placed_hits
from stormwatch.model.times import DAY

Group = tuple[str, ...]
_PRUNE_AFTER: Final = 4096


@dataclass(frozen=True, slots=True)
class Changes:
    """What a batch of hits changed: correlations that fire, and firings of before that do not hold any more."""

    fired: tuple[Firing, ...] = ()
    withdrawn: tuple[Firing, ...] = ()


@dataclass(slots=True)
class _GroupState:
    """The recent hits of one group, the firings among them, and the sweep as it stands behind the last hit."""

    hits: dict[tuple[object, ...], GroupHit] = field(default_factory=dict)
    firings: dict[int, Firing] = field(default_factory=dict)
    sweep: Sweep | None = None
    last_us: int = -(1 << 62)


class _CorrelationState:
    """One correlation and its groups."""

    def __init__(self, correlation: Correlation) -> None:
        self.correlation: Final = correlation
        self.members: Final = frozenset(member.rule_id for member in correlation.members)
        self.reach_us: Final = 2 * correlation.timespan_us
        self.groups: dict[Group, _GroupState] = {}

    def change(self, added: Iterable[RuleHit], removed: Iterable[RuleHit]) -> Changes:
        """Takes hits in and out; groups that change only behind their last hit go on, the others are swept anew."""
        news: dict[Group, list[GroupHit]] = defaultdict(list)
        gone: dict[Group, list[GroupHit]] = defaultdict(list)
        for hits, by_group in ((added, news), (removed, gone)):
            for hit in hits:
                for group, placed in placed_hits(self.correlation, hit):
                    by_group[group].append(placed)
        fired: list[Firing] = []
        withdrawn: list[Firing] = []
        for group in news.keys() | gone.keys():
            state = self.groups.setdefault(group, _GroupState())
            self._change_group(group, state, news.get(group, []), gone.get(group, []), fired, withdrawn)
        return Changes(tuple(fired), tuple(withdrawn))

    def _change_group(
        self,
        group: Group,
        state: _GroupState,
        news: list[GroupHit],
        gone: list[GroupHit],
        fired: list[Firing],
        withdrawn: list[Firing],
    ) -> None:
        times = [hit.time_us for hit in gone if state.hits.pop(hit.key, None) is not None]
        fresh = []
        for hit in news:
            known = state.hits.get(hit.key)
            if known is None or content(hit.hit) < content(known.hit):
                state.hits[hit.key] = hit
                fresh.append(hit)
                times.append(hit.time_us)
        if not times:
            return
        if not gone and min(times) > state.last_us:
            self._go_on(group, state, sorted(fresh, key=lambda hit: hit.key), fired)
        else:
            self._sweep_anew(group, state, min(times), fired, withdrawn)

    def _go_on(self, group: Group, state: _GroupState, fresh: list[GroupHit], fired: list[Firing]) -> None:
        sweep = state.sweep or Sweep(self.correlation, group)
        state.sweep = sweep
        for moment in moments(fresh):
            state.last_us = moment[0].time_us
            firing = sweep.at(moment)
            if firing is not None:
                state.firings[firing.time_us] = firing
                fired.append(firing)

    def _sweep_anew(
        self, group: Group, state: _GroupState, from_us: int, fired: list[Firing], withdrawn: list[Firing]
    ) -> None:
        ordered = sorted(
            (hit for hit in state.hits.values() if hit.time_us >= from_us - self.reach_us), key=lambda hit: hit.key
        )
        sweep = Sweep(self.correlation, group)
        found: dict[int, Firing] = {}
        for moment in moments(ordered):
            firing = sweep.at(moment)
            if firing is not None and firing.time_us >= from_us:
                found[firing.time_us] = firing
        before = {time_us: firing for time_us, firing in state.firings.items() if time_us >= from_us}
        for time_us, firing in before.items():
            if found.get(time_us) != firing:
                del state.firings[time_us]
                withdrawn.append(firing)
        fired += [firing for time_us, firing in found.items() if before.get(time_us) != firing]
        state.firings.update(found)
        state.sweep = sweep
        state.last_us = ordered[-1].time_us if ordered else state.last_us

    def forget(self, before_us: int) -> None:
        """Lets go of hits and firings that no hit to come can have to do with."""
        horizon = before_us - self.reach_us
        for group, state in list(self.groups.items()):
            state.hits = {key: hit for key, hit in state.hits.items() if hit.time_us >= horizon}
            state.firings = {time_us: one for time_us, one in state.firings.items() if time_us >= horizon}
            if not state.hits and not state.firings:
                del self.groups[group]

    def times(self) -> list[int]:
        """The times of all hits that are kept."""
        return [hit.time_us for state in self.groups.values() for hit in state.hits.values()]


class CorrelationStream:
    """Incremental state of correlations, fed by hits in the order of their arrival.

    A hit up to `lateness_us` older than the newest is taken in as if it had come in time; `too_late` counts the others,
    which the next hunt finds. Old hits are let go after every `prune_after` new ones; where more than `capacity` are
    left the oldest go too, and `floor_us` says up to when nothing can be added any more. `correlations` stand after
    those that they build on.
    """

    def __init__(
        self, correlations: Sequence[Correlation], *, lateness_us: int = DAY, capacity: int = 1_000_000
    ) -> None:
        self._states: Final = [_CorrelationState(one) for one in correlations if not one.by_cluster]
        self._alive: Final[dict[str, Counter[tuple[int, str, str, str]]]] = defaultdict(Counter)
        self._lateness_us = lateness_us
        self._capacity = capacity
        self._newest_us: int | None = None
        self._since_pruned = 0
        self._kept_then = 0
        self.floor_us: int | None = None
        self.too_late = 0
        self.prune_after = min(_PRUNE_AFTER, capacity)
        self.rule_ids: Final = frozenset(rule_id for state in self._states for rule_id in state.members)
        self.reach_us: Final = lateness_us + max((state.reach_us for state in self._states), default=0)
        """How much history, back from the newest event, a rebuild has to feed."""

    def feed(self, hits: Iterable[RuleHit], *, now_us: int | None = None) -> Changes:
        """Takes hits in. `now_us` keeps an event that is dated in the future from making all others late."""
        taken = self._in_time([hit for hit in hits if hit.rule_id in self.rule_ids], now_us)
        added: dict[str, list[RuleHit]] = defaultdict(list)
        removed: dict[str, list[RuleHit]] = defaultdict(list)
        for hit in taken:
            added[hit.rule_id].append(hit)
        fired: list[Firing] = []
        withdrawn: list[Firing] = []
        for state in self._states:
            mine = [hit for rule_id in state.members for hit in added.get(rule_id, ())]
            lost = [hit for rule_id in state.members for hit in removed.get(rule_id, ())]
            if not (mine or lost):
                continue
            changes = state.change(mine, lost)
            fired += changes.fired
            withdrawn += changes.withdrawn
            self._hand_on(state.correlation.rule_id, changes, added, removed)
        self._prune(len(taken))
        return Changes(tuple(sorted(fired, key=firing_order)), tuple(sorted(withdrawn, key=firing_order)))

    @property
    def kept(self) -> int:
        """How many hits are kept."""
        return sum(len(group.hits) for state in self._states for group in state.groups.values())

    def _in_time(self, hits: list[RuleHit], now_us: int | None) -> list[RuleHit]:
        bound = max((hit.time_us for hit in hits), default=None)
        oldest = self._oldest()
        taken = [hit for hit in hits if oldest is None or hit.time_us >= oldest]
        self.too_late += len(hits) - len(taken)
        if bound is not None:
            bound = bound if now_us is None else min(bound, now_us)
            self._newest_us = bound if self._newest_us is None else max(self._newest_us, bound)
        return taken

    def _oldest(self) -> int | None:
        """The oldest time that is taken in."""
        late = None if self._newest_us is None else self._newest_us - self._lateness_us
        return max((bound for bound in (late, self.floor_us) if bound is not None), default=None)

    def _hand_on(
        self,
        rule_id: str,
        changes: Changes,
        added: dict[str, list[RuleHit]],
        removed: dict[str, list[RuleHit]],
    ) -> None:
        """Makes firings hits of the correlations that build on this one; two groups may fire on one event."""
        alive = self._alive[rule_id]
        touched = {firing.as_hit().key: firing.as_hit() for firing in (*changes.withdrawn, *changes.fired)}
        before = {key: alive[key] for key in touched}
        alive.update(firing.as_hit().key for firing in changes.fired)
        alive.subtract(firing.as_hit().key for firing in changes.withdrawn)
        for key, hit in touched.items():
            if alive[key] and not before[key]:
                added[rule_id].append(hit)
            elif before[key] and not alive[key]:
                removed[rule_id].append(hit)
            if not alive[key]:
                del alive[key]

    def _prune(self, taken: int) -> None:
        self._since_pruned += taken
        # Letting go looks at all that is kept, so it waits until a quarter of that is new.
        if self._since_pruned < max(self.prune_after, self._kept_then // 4):
            return
        self._since_pruned = 0
        self._forget()
        times = sorted(time for state in self._states for time in state.times())
        if len(times) > self._capacity:
            reach = max(state.reach_us for state in self._states)
            self.floor_us = times[len(times) - self._capacity] + reach
            self._forget()
        self._kept_then = self.kept

    def _forget(self) -> None:
        oldest = self._oldest()
        if oldest is None:
            return
        for state in self._states:
            state.forget(oldest)
        horizon = oldest - max((state.reach_us for state in self._states), default=0)
        for alive in self._alive.values():
            for key in [key for key in alive if key[0] < horizon]:
                del alive[key]
