"""A suppressed count cannot be found again: not from the total, not by knowing the rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormwatch.reports.figures import Figure, Meaning, overlapping, partition
from stormwatch.reports.suppression import hidden_cells, suppress

MEANING = Meaning(name="f", title="t", unit="accounts", derivation="test/1", definition="d")


def figure(*counts: int) -> Figure:
    return partition(MEANING, {str(index): count for index, count in enumerate(counts)})


def published(counts: tuple[int, ...], minimum: int) -> tuple[object, ...]:
    """What a reader sees of a table."""
    result = suppress(figure(*counts), minimum)
    return (result.total, *(cell.count for cell in result.cells))


def tables(total: int, cells: int) -> Iterator[tuple[int, ...]]:
    """Every table with that total."""
    if cells == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in tables(total - first, cells - 1):
            yield (first, *rest)


counts = st.lists(st.integers(0, 9), min_size=2, max_size=3).map(tuple) | st.lists(
    st.integers(0, 6), min_size=4, max_size=4
).map(tuple)


@given(counts=counts, minimum=st.integers(3, 5))
@settings(max_examples=250, deadline=None)
def test_a_reader_who_knows_the_rule_cannot_compute_a_small_count(counts: tuple[int, ...], minimum: int) -> None:
    seen = published(counts, minimum)
    totals = [sum(counts)] if seen[0] is not None else range(1, minimum)
    possible = [table for total in totals for table in tables(total, len(counts)) if published(table, minimum) == seen]
    small = [index for index, count in enumerate(counts) if 0 < count < minimum]
    whole_breakdown_withheld = all(cell is None for cell in seen[1:])
    for index in small:
        values = {table[index] for table in possible}
        assert len(values) > 1
        if not whole_breakdown_withheld:
            assert values >= set(range(1, minimum))


@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=12), minimum=st.integers(3, 20))
def test_no_small_count_is_published_and_the_hidden_sum_stays_large(counts: list[int], minimum: int) -> None:
    result = suppress(figure(*counts), minimum)
    shown = [cell.count for cell in result.cells if cell.count is not None]
    assert all(count == 0 or count >= minimum for count in shown)
    hidden = [count for count, cell in zip(counts, result.cells, strict=True) if cell.suppressed]
    if result.total is not None and hidden:
        assert result.total - sum(shown) >= minimum
        assert len(hidden) >= 2 or len(counts) == 1


@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=12), minimum=st.integers(3, 20))
def test_what_is_published_is_true(counts: list[int], minimum: int) -> None:
    result = suppress(figure(*counts), minimum)
    assert all(cell.count in (None, count) for count, cell in zip(counts, result.cells, strict=True))
    assert result.total in (None, sum(counts))


def test_nothing_is_lost_where_nothing_is_small() -> None:
    assert suppress(figure(0, 12, 30), 5) == figure(0, 12, 30)


def test_one_small_cell_takes_another_with_it() -> None:
    assert hidden_cells([40, 2, 25], 5) == {1, 2}


def test_the_sacrificed_cell_does_not_depend_on_sizes() -> None:
    assert hidden_cells([40, 2, 25], 5) == hidden_cells([25, 2, 40], 5)


def test_a_breakdown_that_cannot_be_protected_is_withheld_and_the_total_stands() -> None:
    result = suppress(figure(3, 3, 0), 5)
    assert result.total == 6
    assert all(cell.suppressed for cell in result.cells)


def test_a_small_total_is_withheld() -> None:
    assert suppress(figure(1, 2), 5).total is None


def test_categories_that_overlap_are_judged_one_by_one() -> None:
    result = suppress(overlapping(MEANING, {"a": 9, "b": 2, "c": 0}), 5)
    assert [cell.count for cell in result.cells] == [9, None, 0]


def test_a_figure_about_the_ledger_is_not_about_people() -> None:
    assert suppress(overlapping(MEANING, {"entries": 2}, guarded=False), 5).cells[0].count == 2


@pytest.mark.parametrize("minimum", [1, 2])
def test_a_minimum_that_would_name_the_one_is_raised(minimum: int) -> None:
    assert suppress(figure(1, 50, 60), minimum).cells[0].suppressed
    assert suppress(figure(2, 50, 60), minimum).cells[0].suppressed
