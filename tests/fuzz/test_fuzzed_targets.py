"""Whatever bytes come in, a reader takes them or explains why not: no crash, and memory in proportion to the input."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuzz.nasty import NASTY
from fuzz.targets import TARGETS, Target

targets = pytest.mark.parametrize("target", [pytest.param(target, id=name) for name, target in TARGETS.items()])

# A bomb unpacks to at most what the target allows; anything else may take this many bytes for each of the input.
BYTES_PER_BYTE = 600
BYTES_AT_LEAST = 96 * 1024 * 1024

strange_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["\ud800", "\0", "2026-03-02T10:00:00Z", "203.0.113.9", 10**30, -1, "9" * 400, "data: {}", "{", "="]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with values of its JSON replaced, or with bytes of it changed, cut out or repeated."""
    seed = draw(st.sampled_from(seeds))
    try:
        value = json.loads(seed)
    except ValueError:
        value = None
    if value is not None and draw(st.booleans()):
        for _ in range(draw(st.integers(1, 3))):
            value = replaced(draw, value)
        return json.dumps(value).encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(seed)))
        end = draw(st.integers(start, min(len(seed), start + 40)))
        put = draw(st.sampled_from([b"", seed[start:end] * 3]) | st.binary(max_size=6))
        seed = seed[:start] + put + seed[end:]
    return seed


def replaced(draw: st.DrawFn, value: Any) -> Any:
    """The value with something in it replaced by something strange."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: replaced(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        number = draw(st.integers(0, len(value) - 1))
        return [*value[:number], replaced(draw, value[number]), *value[number + 1 :]]
    return draw(strange_values)


@targets
def test_the_seeds_are_taken(target: Target) -> None:
    taken = [target.run(seed) for seed in target.seeds]
    assert any(taken)


@targets
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_changed_input_is_taken_or_explained(target: Target, data: st.DataObject) -> None:
    target.run(data.draw(mutated(target.seeds)))


@targets
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=200))
@example(data=b"\xff" * 9)
def test_any_bytes_are_taken_or_explained(target: Target, data: bytes) -> None:
    target.run(data)


@targets
def test_nasty_input_is_taken_or_explained(target: Target) -> None:
    for data in NASTY.values():
        target.run(data)


@targets
@pytest.mark.parametrize("name", ["a bomb of gzip", "deep lists", "many keys", "copies of copies"])
def test_nasty_input_takes_memory_in_proportion(target: Target, name: str) -> None:
    data = NASTY[name]
    tracemalloc.start()
    try:
        target.run(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= BYTES_AT_LEAST + BYTES_PER_BYTE * len(data)
