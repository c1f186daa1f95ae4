"""A program that went from account to account is put back in order on a page of its case, its texts closed."""

from __future__ import annotations

import re

import pytest

from console_world import GROUP, HOSTILE_ID, LONER, Browser, World
from knowledge_making import add_lineage
from stormwatch.cases.queue import list_cases
from stormwatch.console.lineage_drawing import MOST_LANES, MOST_VERSIONS, draw_lineage
from stormwatch.console.lineage_view import Version
from stormwatch.console.lineage_words import change_of_version


@pytest.fixture
def case_id(world: World) -> str:
    add_lineage(world)
    return next(case.case_id for case in list_cases(world.runtime.database) if GROUP[0] in case.account_ids)


def test_versions_stand_in_order_with_who_had_them_and_what_stayed(analyst: Browser, case_id: str) -> None:
    assert f'href="/console/cases/{case_id}/lineage"' in analyst.get(f"/console/cases/{case_id}").text
    page = analyst.get(f"/console/cases/{case_id}/lineage").text
    assert "Program 1: 5 versions by 3 accounts" in page
    assert "went over to another account 2 times" in page
    assert "none came back to it" in page
    table = page[page.index('class="steps"') : page.index("</table>")]
    assert re.findall(r"account\?id=(acct_\d\d_group)", table) == [
        GROUP[0], GROUP[0], GROUP[1], GROUP[2], GROUP[2]
    ]  # fmt: skip
    assert "the first that was seen" in table
    assert table.count("kept nearly all of it; some of this one is new") == 4
    assert table.count("90%") == 4
    assert table.count("handed over") == 2
    assert 'href="#version-1-4">version 4</a>' in table
    assert "1 more stayed with one account each" in page


def test_others_with_passages_of_it_are_named(analyst: Browser, case_id: str) -> None:
    page = analyst.get(f"/console/cases/{case_id}/lineage").text
    elsewhere = page[page.index('id="elsewhere"') :]
    assert LONER in elsewhere
    assert ">8</td>" in elsewhere
    assert "&lt;img src=x" in elsewhere  # the hostile account, as text
    assert HOSTILE_ID not in page
    assert "A published source explains them" in elsewhere


def test_the_drawing_has_a_dot_for_each_version_and_the_table_stands_beside_it(analyst: Browser, case_id: str) -> None:
    page = analyst.get(f"/console/cases/{case_id}/lineage").text
    drawing = page[page.index('<figure class="lineage">') : page.index("</figure>")]
    assert drawing.count("<circle ") == 5
    assert drawing.count('class="lane"') == 3
    assert drawing.count('class="grown over"') == 2
    assert drawing.count('tabindex="0"') == 1
    for number in range(1, 6):
        assert f'href="#version-1-{number}"' in drawing
        assert f'id="version-1-{number}"' in page


def test_texts_open_by_the_case_s_own_reveal_alone(analyst: Browser, case_id: str, world: World) -> None:
    page = analyst.get(f"/console/cases/{case_id}/lineage").text
    assert "stack trace" not in page
    refused = analyst.post(f"/console/cases/{case_id}/reveal", page, event="ev_000", reason="")
    assert refused.status_code == 400
    opened = analyst.post(f"/console/cases/{case_id}/reveal", page, event="ev_000", reason="to compare versions")
    assert "Explain this stack trace" in opened.text
    assert opened.headers["cache-control"] == "no-store"
    assert [entry.kind for entry in world.runtime.ledger.entries(kind="text.revealed")] == ["text.revealed"]


def test_without_programs_it_says_so(analyst: Browser, world: World) -> None:
    case = next(case for case in list_cases(world.runtime.database) if HOSTILE_ID in case.account_ids)
    page = analyst.get(f"/console/cases/{case.case_id}/lineage")
    assert page.status_code == 200
    assert "No program or document went through two accounts" in page.text
    assert analyst.get("/console/cases/case-none/lineage").status_code == 404


@pytest.mark.parametrize(
    ("kept", "fresh", "words"),
    [(None, None, "the first that was seen"), (1.0, 0.0, "the same again"),
     (1.0, 0.3, "kept all of it, and some of this one is new"), (0.95, 0.0, "kept nearly all of it and added nothing"),
     (0.7, 0.5, "kept most of it; about half of this one is new"),
     (0.65, 0.03, "kept most of it; little of this one is new")],
)  # fmt: skip
def test_changes_are_told_in_words(kept: float | None, fresh: float | None, words: str) -> None:
    assert change_of_version(Version(1, "a", "e", 0, 10, None, kept, fresh, handed=False)) == words


def test_what_is_too_large_is_not_drawn() -> None:
    assert draw_lineage(["a"], [("a", None)] * (MOST_VERSIONS + 1)) is None
    accounts = [f"a{n}" for n in range(MOST_LANES + 1)]
    assert draw_lineage(accounts, [(account, None) for account in accounts]) is None
    drawn = draw_lineage(["a", "b"], [("a", None), ("b", 1), ("a", 1)])
    assert drawn is not None
    assert [growth.over for growth in drawn.growths] == [True, False]
    assert all(0 < dot.x < drawn.width and 0 < dot.y < drawn.height for dot in drawn.dots)
