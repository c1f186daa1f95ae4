"""What axe finds on every page of the console, in both colour schemes, and on the appeal page: nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from chromium_walk import Walk, server, walk
from console_world import GROUP, World
from knowledge_making import SHIPPED_RULE, add_hits, add_lineage, engineer_token
from stormwatch.cases.queue import list_cases
from stormwatch.cases.review import claim

__all__ = ["server", "walk"]

pytestmark = pytest.mark.chromium


def _pages(world: World) -> Iterator[str]:
    case = next(case for case in list_cases(world.runtime.database) if len(case.account_ids) == len(GROUP))
    claim(
        world.runtime.database,
        world.runtime.ledger,
        world.runtime.access.authenticate(world.tokens["ana"]),
        case.case_id,
    )
    here = f"/console/cases/{case.case_id}"
    yield from ("/console/", "/console/?state=all", here, f"{here}/similar", f"{here}/lineage", f"{here}/notices")
    yield from ("/console/leads", "/console/account", f"/console/account?id={GROUP[0]}", "/console/people")
    yield from ("/console/observable", "/console/observable?value=203.0.113.77", "/console/you", "/console/outbox")
    yield from ("/console/appeals", "/console/actors", "/console/actors/forest-blizzard", "/console/rules")
    yield from (f"/console/rules/{SHIPPED_RULE}", "/console/nowhere")


def _complaints(page: Page, address: str) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{address}: {each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(walk: Walk, world: World, scheme: str) -> None:
    add_hits(world, SHIPPED_RULE)
    add_lineage(world)
    page = walk.person(world.tokens["ana"], color_scheme=scheme)
    page.get_by_role("heading", name="Queue", exact=True).wait_for()
    found = []
    for address in _pages(world):
        page.goto(walk.base + address)
        found += _complaints(page, address)
    assert found == []
    walk.complaints = [one for one in walk.complaints if "404" not in one]  # of the page that is nowhere


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_an_engineer_and_before_anybody_signs_in(
    walk: Walk, world: World, scheme: str
) -> None:
    stranger = walk.context(color_scheme=scheme).new_page()
    stranger.goto(f"{walk.base}/console/")
    found = _complaints(stranger, "login")
    page = walk.person(engineer_token(world), color_scheme=scheme)
    page.get_by_role("heading", name="Queue", exact=True).wait_for()
    page.goto(f"{walk.base}/console/backtests")
    found += _complaints(page, "backtests")
    assert found == []


def test_axe_would_find_something(walk: Walk) -> None:
    page = walk.context().new_page()
    page.set_content('<main><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="></main>')
    assert any("image-alt" in one for one in _complaints(page, "a picture without words"))
