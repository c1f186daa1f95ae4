"""Correlations fire as their definition says, over all hits at once and as they arrive, in whatever order."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormwatch.detections.correlations.correlating_batch import correlate_all
from stormwatch.detections.correlations.correlation import (
    Correlation,
    CorrelationType,
    Expression,
    Firing,
    Member,
    RuleHit,
    Threshold,
)
from stormwatch.detections.correlations.correlation_stream import CorrelationStream

RULES = ("a", "b", "c")
SPAN = 10


def correlation(
    kind: str,
    condition: Threshold | Expression,
    *,
    rule_id: str = "x",
    rules: Sequence[str] = RULES,
    group: tuple[str, ...] = ("account_id",),
    value: tuple[str, ...] = (),
    **options: Any,
) -> Correlation:
    return Correlation(
        rule_id=rule_id,
        rule_version="1",
        title="A correlation",
        description="",
        status="test",
        level="medium",
        techniques=("LLM-02",),
        path=Path("x.yml"),
        line=1,
        type=CorrelationType(kind),
        members=tuple(Member(rule, group, value) for rule in rules),
        group_by=group,
        timespan_us=SPAN,
        condition=condition,
        **options,
    )


def by_definition(one: Correlation, hits: Iterable[RuleHit]) -> set[tuple[Any, ...]]:
    """The definition once more, in its plainest words: every window is looked at from the start."""
    groups: dict[tuple[str, ...], list[RuleHit]] = defaultdict(list)
    for hit in set(hits):
        member = next((member for member in one.members if member.rule_id == hit.rule_id), None)
        if member and all(hit.fields.get(name) is not None for name in member.group_fields):
            groups[tuple(str(hit.fields[name]) for name in member.group_fields)].append(hit)
    found = set()
    for group, members in groups.items():
        held: list[int] = []
        for now in sorted({hit.time_us for hit in members}):
            window = [hit for hit in members if now - SPAN <= hit.time_us <= now]
            if not holds(one, window):
                continue
            if not any(before >= now - SPAN for before in held):
                last = one.members[-1].rule_id
                ends = [
                    hit
                    for hit in members
                    if hit.time_us == now and (one.type != "temporal_ordered" or hit.rule_id == last)
                ]
                first = min(ends, key=lambda hit: hit.key)
                found.add((one.rule_id, group, now, first.event_id, first.account_id))
            held.append(now)
    return found


def holds(one: Correlation, window: list[RuleHit]) -> bool:
    order = [member.rule_id for member in one.members]
    if one.type == "temporal_ordered":
        return chain(order, window, -1)
    if isinstance(one.condition, Expression):
        return one.condition.holds({order.index(hit.rule_id) for hit in window})
    if one.type == "temporal":
        return one.condition.holds(len({hit.rule_id for hit in window}))
    events = {(hit.time_us, hit.event_id, hit.account_id): hit for hit in window}.values()
    if one.type == "event_count":
        return one.condition.holds(len(events))
    name = one.members[0].value_fields[0]
    values = [hit.fields[name] for hit in events if hit.fields.get(name) is not None]
    if one.type == "value_count":
        return one.condition.holds(len({str(value).lower() for value in values}))
    if not values:
        return False
    exact = [Fraction(str(value)) for value in values]
    if one.type == "value_sum":
        return one.condition.holds(sum(exact))
    if one.type == "value_avg":
        return one.condition.holds(sum(exact) / len(exact))
    if one.type == "value_median":
        return one.condition.holds(statistics.median(exact))
    return one.condition.holds(percentile(sorted(exact), one.percentile))


def percentile(values: list[Fraction], share: int) -> Fraction:
    place = Fraction(share, 100) * (len(values) - 1)
    low, high = values[int(place)], values[min(int(place) + 1, len(values) - 1)]
    return low + (high - low) * (place - int(place))


def chain(order: list[str], window: list[RuleHit], after: int) -> bool:
    if not order:
        return True
    return any(
        chain(order[1:], window, hit.time_us) for hit in window if hit.rule_id == order[0] and hit.time_us > after
    )


def told(firings: Iterable[Firing]) -> set[tuple[Any, ...]]:
    return {(one.correlation_id, one.group, one.time_us, one.event_id, one.account_id) for one in firings}


def rule(slot: int) -> Expression:
    return Expression("rule", slot)


_ops = st.sampled_from(["lt", "lte", "gt", "gte", "eq", "neq"])
_expressions = st.recursive(
    st.integers(0, 2).map(rule),
    lambda inner: (
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)).map(
            lambda pair: Expression(pair[0], parts=tuple(pair[1]))
        )
        | inner.map(lambda one: Expression("not", parts=(one,)))
    ),
    max_leaves=5,
)
_groups = st.sampled_from([("account_id",), ("session_id",), ("account_id", "session_id")])


@st.composite
def _correlations(draw: st.DrawFn) -> Correlation:
    kind = draw(st.sampled_from([str(one) for one in CorrelationType]))
    group = draw(_groups)
    if kind == "temporal_ordered":
        return correlation(kind, Threshold("gte", Fraction(3)), group=group)
    if kind == "temporal" and draw(st.booleans()):
        return correlation(kind, draw(_expressions), group=group)
    bound = draw(st.integers(0, 5) | st.sampled_from([Fraction(5, 2), Fraction(1, 10)]))
    value = () if kind in ("event_count", "temporal") else ("size",)
    share = draw(st.sampled_from([0, 25, 50, 90, 100]))
    return correlation(kind, Threshold(draw(_ops), Fraction(bound)), group=group, value=value, percentile=share)


_events = st.tuples(
    st.integers(0, 60),
    st.sampled_from(["one", "two"]),
    st.sampled_from(["s", "t", None]),
    st.sampled_from([0, 1, 2, 0.1, 0.2, 7, None]),
    st.sets(st.sampled_from(RULES), min_size=1),
)


def hits_of(events: Sequence[tuple[Any, ...]]) -> list[RuleHit]:
    """Each event once for each of its rules."""
    return [
        RuleHit(time, f"e{number}", account, name, {"account_id": account, "session_id": session, "size": size})
        for number, (time, account, session, size, rules) in enumerate(events)
        for name in sorted(rules)
    ]


def feed(stream: CorrelationStream, batches: Iterable[Sequence[RuleHit]]) -> set[tuple[Any, ...]]:
    """What stands of a stream's firings after all batches."""
    standing: set[tuple[Any, ...]] = set()
    for batch in batches:
        changes = stream.feed(batch)
        assert told(changes.withdrawn) <= standing
        standing -= told(changes.withdrawn)
        assert not told(changes.fired) & standing
        standing |= told(changes.fired)
    return standing


def parted(hits: Sequence[RuleHit], chance: random.Random) -> list[Sequence[RuleHit]]:
    batches, at = [], 0
    while at < len(hits):
        size = chance.randrange(1, 6)
        batches.append(hits[at : at + size])
        at += size
    return batches


@given(_correlations(), st.lists(_events, max_size=25), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_batch_and_stream_agree_with_the_definition_in_any_order_of_arrival(
    one: Correlation, events: list[tuple[Any, ...]], chance: random.Random
) -> None:
    hits = hits_of(events)
    expected = by_definition(one, hits)
    assert told(correlate_all([one], hits)) == expected
    arrived = [*hits, *chance.choices(hits, k=3)] if hits else []  # some are delivered twice
    chance.shuffle(arrived)
    assert told(correlate_all([one], arrived)) == expected
    assert feed(CorrelationStream([one]), parted(arrived, chance)) == expected


@given(_correlations(), _correlations(), st.lists(_events, max_size=25), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_correlation_over_a_correlation_agrees_too(
    inner: Correlation, outer: Correlation, events: list[tuple[Any, ...]], chance: random.Random
) -> None:
    renamed = [replace(member, rule_id="x" if member.rule_id == "a" else member.rule_id) for member in outer.members]
    both = [inner, replace(outer, rule_id="y", members=tuple(renamed))]
    hits = hits_of(events)
    expected = told(correlate_all(both, hits))
    chance.shuffle(hits)
    assert feed(CorrelationStream(both), parted(hits, chance)) == expected


@given(_correlations(), st.lists(_events, min_size=5, max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_what_is_late_by_less_than_the_allowance_is_never_missed_though_old_hits_are_let_go(
    one: Correlation, events: list[tuple[Any, ...]], chance: random.Random
) -> None:
    hits = [RuleHit(hit.time_us * 5, hit.event_id, hit.account_id, hit.rule_id, hit.fields) for hit in hits_of(events)]
    expected = by_definition(one, hits)
    lateness = 20
    arrived = sorted(hits, key=lambda hit: hit.time_us + chance.randrange(lateness + 1))
    stream = CorrelationStream([one], lateness_us=lateness)
    prune_at_once(stream)
    assert feed(stream, parted(arrived, chance)) == expected
    assert stream.too_late == 0


def prune_at_once(stream: CorrelationStream) -> None:
    """Lets go of old hits after every batch instead of now and then."""
    stream.prune_after = 1


def test_memory_is_bounded_and_what_cannot_be_taken_in_any_more_is_counted() -> None:
    one = correlation("event_count", Threshold("gte", Fraction(3)))
    stream = CorrelationStream([one], lateness_us=1_000_000, capacity=100)
    for number in range(2_000):
        stream.feed([RuleHit(number, f"e{number}", "one", "a", {"account_id": "one"})])
        assert stream.kept <= 220
    assert stream.floor_us is not None
    stream.feed([RuleHit(5, "late", "one", "a", {"account_id": "one"})])
    assert stream.too_late == 1


def test_an_event_dated_in_the_future_does_not_make_the_others_late() -> None:
    one = correlation("event_count", Threshold("gte", Fraction(2)))
    stream = CorrelationStream([one], lateness_us=100)
    stream.feed([RuleHit(10**15, "future", "one", "a", {"account_id": "one"})], now_us=1_000)
    changes = stream.feed(
        [RuleHit(time, f"e{time}", "one", "a", {"account_id": "one"}) for time in (1_000, 1_005)], now_us=1_010
    )
    assert [firing.event_id for firing in changes.fired] == ["e1005"]
    assert stream.too_late == 0


def test_a_late_event_moves_the_firing_to_where_it_belongs() -> None:
    one = correlation("event_count", Threshold("gte", Fraction(2)))
    stream = CorrelationStream([one])
    hit: Callable[[int], RuleHit] = lambda time: RuleHit(time, f"e{time}", "one", "a", {"account_id": "one"})  # noqa: E731
    assert [firing.event_id for firing in stream.feed([hit(100), hit(105)]).fired] == ["e105"]
    changes = stream.feed([hit(99)])
    assert [firing.event_id for firing in changes.fired] == ["e100"]
    assert [firing.event_id for firing in changes.withdrawn] == ["e105"]


def test_an_episode_fires_once_and_a_new_one_again() -> None:
    one = correlation("event_count", Threshold("gte", Fraction(2)))
    times = [*range(0, 40, 2), 100, 101]
    hits = [RuleHit(time, f"e{time}", "one", "a", {"account_id": "one"}) for time in times]
    assert [firing.time_us for firing in correlate_all([one], hits)] == [2, 101]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_an_order_is_one_and_the_same_moment_is_none(order: tuple[str, str]) -> None:
    one = correlation("temporal_ordered", Threshold("gte", Fraction(2)), rules=("a", "b"))
    apart = [RuleHit(time, f"e{time}", "one", name, {"account_id": "one"}) for time, name in enumerate(order)]
    assert bool(correlate_all([one], apart)) is (order == ("a", "b"))
    together = [RuleHit(5, name, "one", name, {"account_id": "one"}) for name in order]
    assert not correlate_all([one], together)
