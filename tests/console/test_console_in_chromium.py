"""A walk in a real browser against a real server: lead, queue, case, reveal, proposal, approval by a second person."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from chromium_walk import Walk, server, walk
from console_world import GROUP, World
from people_making import PASSWORD, Device, give_password
from stormwatch.actions.decisions import decide
from stormwatch.cases.queue import list_cases
from stormwatch.cases.review import claim
from stormwatch.model.case import DecisionState
from stormwatch.model.principal import Role

__all__ = ["server", "walk"]

pytestmark = pytest.mark.chromium


def test_from_a_lead_to_a_suspension_by_two_people(walk: Walk, world: World) -> None:
    ana = walk.person(world.tokens["ana"])
    _lead_to_case(ana)
    _reveal(ana)
    _answer_and_propose(ana)

    paul = walk.person(world.tokens["paul"])
    paul.get_by_role("link", name="6 accounts").click()
    assert paul.get_by_role("heading", name="Who would be hit").is_visible()
    proposed, shown = paul.locator("#waiting ~ dl .hash").all_inner_texts()
    assert proposed == shown
    assert ana.get_by_role("button", name="Approve: suspend").count() == 0
    paul.get_by_role("button", name="Approve: suspend 6 accounts").click()
    assert "The decision list changed at once" in paul.get_by_role("status").inner_text()
    assert {decide(world.runtime.database, account).state for account in GROUP} == {DecisionState.SUSPENDED}

    paul.get_by_role("link", name="Audit").click()
    paul.get_by_role("link", name="Who opened texts").click()
    assert "to see what was asked" in paul.get_by_role("table").inner_text()
    paul.get_by_role("button", name="Log out").click()
    paul.get_by_label("Personal token").wait_for()


def _lead_to_case(page: Page) -> None:
    page.get_by_role("link", name="Leads").click()
    page.get_by_role("link", name="Staging server").click()
    assert page.get_by_text("2 accounts").is_visible()
    page.get_by_role("link", name="203.0.113.77").click()
    assert page.get_by_role("heading", name="Accounts that share it").is_visible()
    page.get_by_role("link", name="Queue").click()
    page.get_by_role("link", name="6 accounts").click()
    page.get_by_role("button", name="Claim this case").click()
    assert "You hold this case now" in page.get_by_role("status").inner_text()


def _reveal(page: Page) -> None:
    assert page.get_by_text("Explain this stack trace").count() == 0
    page.get_by_label("Open request ev_000").check()
    page.get_by_label("Open request ev_002").check()
    page.get_by_label("Why these texts must be read").fill("to see what was asked")
    page.get_by_role("button", name="Open the marked texts").click()
    assert page.get_by_text("Explain this stack trace").is_visible()
    assert "<script>alert('prompt')</script>" in page.get_by_role("article", name="Request ev_002").inner_text()


def _answer_and_propose(page: Page) -> None:
    while (waiting := page.locator(".alternative:not(:has(.answered)) textarea")).count():
        waiting.first.fill("The device is one of a kind.")
        page.locator(".alternative:not(:has(.answered)) button").first.click()
    page.get_by_role("button", name="Preview the proposal").click()
    assert page.get_by_role("heading", name="Who would be hit").is_visible()
    page.get_by_role("button", name="Propose to suspend").click()
    assert "A second person has to decide" in page.get_by_role("status").inner_text()


def test_the_graph_is_one_tab_stop_with_arrow_keys_inside(walk: Walk, world: World) -> None:
    page = walk.person(world.tokens["ana"])
    page.get_by_role("link", name="6 accounts").click()
    nodes = page.locator(".link-graph a.node")
    assert nodes.count() == len(GROUP)
    assert page.locator('.link-graph a.node[tabindex="0"]').count() == 1
    page.locator('.link-graph a.node[tabindex="0"]').focus()
    before = page.evaluate("document.activeElement.getAttribute('aria-label')")
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    after = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert before.startswith("Account ")
    assert after.startswith("Account ")
    assert page.locator('.link-graph a.node[tabindex="0"]').count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url("**/account?id=*")


def test_signing_in_with_a_password_and_a_second_factor(walk: Walk, world: World) -> None:
    give_password(world.runtime, world.tokens["ana"])
    page = walk.context().new_page()
    page.goto(f"{walk.base}/")
    _sign_in(page)
    page.get_by_role("link", name="ana").click()
    page.get_by_role("button", name="Set up a second factor").click()
    assert page.locator("svg.qr").bounding_box()["width"] > 150
    # Two codes are enough here, so that they begin with the present one: a browser may take long to hand it in.
    device = Device(page.locator("#secret").inner_text(), step=int(time.time()) // 30 - 1)
    page.get_by_label("Code that the app shows now").fill(device.code())
    page.get_by_role("button", name="Make it count").click()
    expect(page.locator(".once code")).to_have_count(10)
    page.get_by_role("button", name="Log out").click()

    _sign_in(page)
    code = page.get_by_label("Code that your device shows")
    # The page puts the cursor there once it is drawn; Chromium complains where somebody was faster.
    expect(code).to_be_focused()
    code.fill(device.code())
    assert page.get_by_role("link", name="Queue").count() == 0
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="Queue").wait_for()
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "stormwatch_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")


def _sign_in(page: Page) -> None:
    page.get_by_label("Name").fill("ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def test_everything_works_without_scripts(walk: Walk, world: World) -> None:
    page = walk.person(world.tokens["ana"], java_script_enabled=False)
    page.get_by_role("link", name="6 accounts").click()
    page.get_by_role("button", name="Claim this case").click()
    page.get_by_label("Add a note").fill("no script needed")
    page.get_by_role("button", name="Keep the note").click()
    assert page.get_by_text("no script needed").is_visible()
    page.get_by_label("Find an identifier").fill("dev_shared_1")
    page.get_by_role("button", name="Find").click()
    assert page.get_by_role("link", name=GROUP[5], exact=True).first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_modes(walk: Walk, world: World, scheme: str) -> None:
    page = walk.person(world.tokens["ana"], color_scheme=scheme)
    page.get_by_role("link", name="6 accounts").click()
    page.wait_for_load_state()  # the colours come with the style sheet
    ratios = page.evaluate(CONTRAST)
    assert min(ratios.values()) >= 4.5, ratios


# Contrast of WCAG 2.2 between the colours of the style sheet's pairs of ink and ground.
CONTRAST = """() => {
  const style = getComputedStyle(document.documentElement);
  const light = (hex) => {
    const parts = hex.length === 4 ? [...hex.slice(1)].map((c) => c + c) : hex.slice(1).match(/../g);
    const [r, g, b] = parts.map((part) => parseInt(part, 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const of = (name) => light(style.getPropertyValue(name).trim());
  const pairs = [["--ink", "--paper"], ["--ink", "--ground"], ["--quiet", "--paper"], ["--quiet", "--sunken"],
    ["--quiet", "--ground"], ["--accent", "--paper"], ["--accent", "--accent-soft"], ["--accent-ink", "--accent"],
    ["--warn", "--warn-soft"], ["--bad", "--bad-soft"], ["--good", "--good-soft"], ["--ink", "--bad-soft"],
    ["--ink", "--warn-soft"], ["--ink", "--good-soft"]];
  return Object.fromEntries(pairs.map(([a, b]) => {
    const [dark, bright] = [of(a), of(b)].sort((x, y) => x - y);
    return [a + " on " + b, (bright + 0.05) / (dark + 0.05)];
  }));
}"""


def test_two_analysts_at_once(walk: Walk, world: World) -> None:
    runtime = world.runtime
    administrator = runtime.access.authenticate(world.tokens["administrator"])
    token = runtime.access.add_person(administrator, "bert", Role.ANALYST)[1]
    ana, bert = walk.person(world.tokens["ana"]), walk.person(token)
    for page in (ana, bert):
        page.get_by_role("link", name="6 accounts").click()
        expect(page.get_by_role("button", name="Claim this case")).to_be_visible()
    bert.get_by_label("Why", exact=True).fill("a class of students")
    ana.get_by_role("button", name="Claim this case").click()
    expect(ana.get_by_role("status").filter(has_text="You hold this case now")).to_be_visible()

    # The open page learns of it by itself, and what bert was writing stays.
    news = bert.get_by_role("status").filter(has_text="claimed by ana")
    expect(news).to_be_visible(timeout=15_000)
    expect(bert.get_by_label("Why", exact=True)).to_have_value("a class of students")

    # A decision on the older look is refused with a reason, and comes back to be sent anew.
    bert.get_by_role("button", name="Clear this case").click()
    expect(bert.get_by_role("alert")).to_contain_text("nothing was done, because the case changed after you looked")
    expect(bert.get_by_label("Why", exact=True)).to_have_value("a class of students")
    expect(bert.get_by_text("ana holds this case.")).to_be_visible()
    walk.complaints[:] = [one for one in walk.complaints if "409 (Conflict)" not in one]  # the browser logs the status


def test_the_queue_shows_what_colleagues_do(walk: Walk, world: World) -> None:
    ana = walk.person(world.tokens["ana"])
    row = ana.get_by_role("row").filter(has_text="6 accounts")
    expect(row).to_contain_text("open")
    paul = world.runtime.access.authenticate(world.tokens["paul"])
    case = next(each for each in list_cases(world.runtime.database) if GROUP[0] in each.account_ids)
    claim(world.runtime.database, world.runtime.ledger, paul, case.case_id)
    expect(row).to_contain_text("in-review", timeout=15_000)
    expect(row).to_contain_text("paul")
    expect(ana.get_by_role("status").filter(has_text="1 case changed")).to_be_visible()
