"""Rules, actors, a backtest and a program's way in a real browser: by mouse, by keyboard, without scripts, on paper."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from chromium_walk import Walk, server, walk
from console_world import GROUP, World
from knowledge_making import RULE_FILE, SHIPPED_RULE, add_hits, add_lineage, engineer_token
from stormwatch.console import backtest_jobs

__all__ = ["server", "walk"]

pytestmark = pytest.mark.chromium

# Says a few steps at a pace that a page can follow, then ends without a report.
SLOW = """
import sys, time
sys.stdin.readline()
for done in range(60):
    print('{"step": "history", "done": %d, "total": 60}' % done, flush=True)
    time.sleep(0.25)
"""


def test_from_a_case_to_the_actor_the_lead_and_the_account(walk: Walk, world: World) -> None:
    page = walk.person(world.tokens["ana"])
    page.get_by_role("link", name="6 accounts").click()
    page.get_by_role("table").get_by_role("link", name="Charcoal Typhoon").first.click()
    expect(page.get_by_role("heading", name="Charcoal Typhoon", level=1)).to_be_visible()
    page.get_by_role("link", name="Staging server").click()
    page.get_by_role("link", name="Charcoal Typhoon", exact=True).click()
    page.get_by_role("region", name="Assessments that weigh").get_by_role("link", name="6 accounts").click()
    page.get_by_role("link", name="scripting-debug").first.click()
    expect(page.get_by_text("No file holds this rule any more")).to_be_visible()
    page.get_by_role("link", name=GROUP[0]).click()
    expect(page.get_by_role("heading", name=f"Account {GROUP[0]}")).to_be_visible()


def test_rules_are_filtered_in_the_address_and_the_page_is_reached_by_keyboard(walk: Walk, world: World) -> None:
    add_hits(world, SHIPPED_RULE)
    page = walk.person(world.tokens["ana"])
    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_label("Words or technique").fill("tool calls")
    page.get_by_label("Fired").select_option("fired")
    page.get_by_label("Fired").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/rules\?q=tool\+calls&.*fired=yes"))
    link = page.get_by_role("link", name="Attack tools run through tool calls")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("img", name="Requests hit by day")).to_be_visible()
    page.get_by_text("The same as a table").press("Enter")
    expect(page.get_by_role("row", name="2026-02-04 4 4")).to_be_visible()


def test_a_backtest_is_followed_by_the_open_page_and_cancelled(
    walk: Walk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest_jobs, "_PROGRAM", SLOW)
    page = walk.person(engineer_token(world))
    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_role("link", name="Backtests").click()
    page.get_by_label("Rule (Sigma").fill(RULE_FILE)
    page.get_by_label("What it is to show").fill("to watch it")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="It is under way.")).to_be_visible()
    bar = page.get_by_role("progressbar", name="Share of history")
    expect(page.get_by_role("status")).to_contain_text("of 60 parts", timeout=15_000)
    before = float(bar.evaluate("bar => bar.value"))
    page.wait_for_function("before => document.querySelector('progress').value > before + 1", arg=before)
    page.get_by_role("button", name="Cancel it").click()
    expect(page.get_by_role("heading", name="It was cancelled.")).to_be_visible()


def test_the_way_of_a_program_is_one_tab_stop_and_leads_to_its_table(walk: Walk, world: World) -> None:
    add_lineage(world)
    page = walk.person(world.tokens["ana"])
    page.get_by_role("link", name="6 accounts").click()
    page.get_by_role("link", name="Programs that went from account to account").click()
    assert page.locator('.lineage a.node[tabindex="0"]').count() == 1
    page.locator('.lineage a.node[tabindex="0"]').focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Version 3 of {GROUP[1]}"
    page.keyboard.press("Enter")
    page.wait_for_url("**/lineage#version-1-3")


def test_everything_works_without_scripts(walk: Walk, world: World) -> None:
    add_lineage(world)
    page = walk.person(world.tokens["ana"], java_script_enabled=False)
    page.get_by_role("link", name="6 accounts").click()
    page.get_by_role("link", name="Programs that went from account to account").click()
    page.get_by_label("Open the request of version 3").check()
    page.get_by_label("Why these texts must be read").fill("to compare them")
    page.get_by_role("button", name="Open the marked texts").click()
    assert page.get_by_role("heading", name="Opened texts", exact=True).is_visible()
    page.get_by_role("link", name="Actors", exact=True).click()
    page.get_by_label("Name or affiliation").fill("fancy bear")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Forest Blizzard").click()
    assert page.get_by_role("heading", name="Names", exact=True).is_visible()


@pytest.mark.parametrize("width", [1280, 380])
def test_no_page_is_wider_than_its_window(walk: Walk, world: World, width: int) -> None:
    add_lineage(world)
    add_hits(world, SHIPPED_RULE)
    page = walk.person(engineer_token(world), viewport={"width": width, "height": 900})
    page.wait_for_url(f"{walk.base}/console/")
    case = page.get_by_role("link", name="6 accounts").get_attribute("href")
    for address in (
        "/console/rules",
        f"/console/rules/{SHIPPED_RULE}",
        "/console/backtests",
        "/console/actors",
        "/console/actors/forest-blizzard",
        f"{case}/lineage",
    ):
        page.goto(walk.base + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_on_paper_forms_and_navigation_are_left_out(walk: Walk, world: World) -> None:
    page = walk.person(engineer_token(world))
    page.wait_for_url(f"{walk.base}/console/")
    page.goto(f"{walk.base}/console/rules/{SHIPPED_RULE}")
    page.emulate_media(media="print")
    for hidden in (page.get_by_role("navigation", name="Pages"), page.get_by_role("button", name="Try it")):
        expect(hidden).to_be_hidden()
    source = page.locator("pre.source")
    assert _unclipped(page, source.evaluate("pre => [pre.scrollHeight, pre.clientHeight]"))


def _unclipped(page: Page, heights: list[int]) -> bool:
    return heights[0] <= heights[1] + 1
