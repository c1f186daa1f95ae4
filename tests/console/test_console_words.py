"""Words for likelihoods, weights and frequencies; pages by keyset; the drawing of links."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.console import wording
from stormwatch.console.case_view import in_groups
from stormwatch.console.graph import HEIGHT, MOST_NODES, WIDTH, draw
from stormwatch.console.paging import page_of
from stormwatch.model.errors import InvalidInput
from stormwatch.model.evidence import Evidence, Link, LinkEvidence


def link(first, second, weight=8.0, probability=0.97):
    part = LinkEvidence("device", ("d",), weight, "a family computer")
    return Link(first, second, weight, probability, (part,))


def piece(group, bits, summary):
    return Evidence("acct", "indicator-hit", group, bits, summary, "a shared address", 0.01, 0)


def test_pieces_that_depend_on_a_stronger_one_stand_behind_it_and_none_twice():
    told = in_groups([piece("a", 5.0, "x"), piece("b", 7.0, "y"), piece("a", 9.0, "z"), piece("a", 4.0, "x")])
    assert [(group.strongest.summary, [other.summary for other in group.others]) for group in told] == [
        ("z", ["x"]),
        ("y", []),
    ]


def test_likelihoods_are_words_until_calibrated():
    assert wording.likelihood(0.9, "simulated worlds") == "very likely"
    assert wording.likelihood(0.9, "adjudicated cases") == "very likely (90%)"


@pytest.mark.parametrize(
    ("bits", "words"),
    [(0.2, "slight"), (2.0, "moderate"), (4.0, "strong"), (5.2, "very strong"), (9.0, "very strong"),
     (-2.0, "moderate, against")],
)  # fmt: skip
def test_weights_are_words(bits, words):
    assert wording.weight(bits) == words


def test_a_link_part_is_told_by_what_a_link_needs():
    needed = 10.0  # as in a population of about a thousand accounts
    told = [wording.link_part(bits, needed + wording.log_odds(0.9), 0.9) for bits in (13.0, 7.0, 3.0, 1.0)]
    assert told == ["enough alone", "more than half", "a part", "little"]


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "too rare to measure"), (0.25, "25% of accounts"), (0.004, "about 1 in 250 accounts"),
     (0.09, "about 1 in 11 accounts"), (0.0000331, "about 1 in 30,000 accounts")],
)  # fmt: skip
def test_frequencies_are_words(share, words):
    assert wording.frequency(share) == words


@given(st.floats(0, 1), st.floats(0.01, 0.999))
def test_the_distance_to_the_threshold_is_told_on_the_right_side(probability, threshold):
    told = wording.distance(probability, threshold)
    assert ("below" in told) == (wording.log_odds(probability) < wording.log_odds(threshold))


@given(st.lists(st.tuples(st.integers(0, 5), st.text(max_size=3)), unique=True), st.integers(1, 4))
def test_pages_give_every_row_once_and_in_order(rows, size):
    seen, after = [], ""
    while True:
        found = page_of(rows, lambda row: row, after=after, example=(0, ""), size=size)
        seen += found.rows
        if found.next_cursor is None:
            break
        after = found.next_cursor
    assert seen == sorted(rows)


def test_a_foreign_cursor_is_refused():
    for cursor in ("!", "e30", "WzFd", "bnVsbA"):
        with pytest.raises(InvalidInput):
            page_of([(1, "a")], lambda row: row, after=cursor, example=(0, ""))


def test_a_drawing_is_the_same_for_the_same_links_in_any_order():
    accounts = [f"a{number:02d}" for number in range(12)]
    links = [link(first, second) for first, second in itertools.pairwise(accounts)]
    drawn = draw(accounts, links, {"a03": "suspended"})
    random.Random(1).shuffle(links)
    random.Random(2).shuffle(accounts)
    assert draw(accounts, links, {"a03": "suspended"}) == drawn
    assert {node.role for node in drawn.nodes} == {"account", "suspended"}


def test_nodes_lie_on_the_canvas_and_apart():
    accounts = [f"a{number:02d}" for number in range(20)]
    drawn = draw(accounts, [link(*pair) for pair in itertools.combinations(accounts, 2)], {})
    assert len(drawn.edges) == 190
    places = [(node.x, node.y) for node in drawn.nodes]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)
    assert min(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in itertools.combinations(places, 2)) > 20


def test_large_groups_are_folded_and_it_is_said():
    accounts = [f"a{number:04d}" for number in range(600)]
    drawn = draw(accounts, [link("a0000", other) for other in accounts[1:]], {})
    assert len(drawn.nodes) <= MOST_NODES
    shown = sum(1 for node in drawn.nodes if not node.folded)
    assert shown + drawn.folded == 600
    assert sum(node.folded for node in drawn.nodes) == drawn.folded


def test_nobody_and_one_account_can_be_drawn():
    assert draw([], [], {}).nodes == ()
    assert len(draw(["a"], [link("a", "elsewhere")], {}).nodes) == 1
