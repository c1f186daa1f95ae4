"""A detection engineer tries a rule on history from the console: recorded, watched, cancelled, and no text in it."""

from __future__ import annotations

import time

import pytest
from fastapi import FastAPI

from backtest_making import few_rules, still
from console_world import GROUP, LONER, MOMENT, Browser, World, signed_in
from knowledge_making import OWN_RULE, RULE_FILE, SHIPPED_RULE, engineer
from stormwatch.cases.outcomes import Outcome, record_outcomes
from stormwatch.detections.history import Window
from stormwatch.hunt.backtest_orders import MOST_DAYS, order_backtest
from stormwatch.model.errors import Forbidden, InvalidInput
from stormwatch.model.times import DAY

__all__ = ["few_rules", "still"]

pytestmark = pytest.mark.usefixtures("few_rules")

DAYS = {"since": "2026-02-01", "until": "2026-02-03"}


@pytest.fixture
def eve(app: FastAPI, world: World) -> Browser:
    return engineer(app, world)


def until(browser: Browser, address: str, words: str, seconds: float = 60) -> str:
    """The page once it says these words."""
    end = time.monotonic() + seconds
    while words not in (page := browser.get(address).text):
        assert time.monotonic() < end, page
        time.sleep(0.1)
    return page


def test_a_draft_is_tried_on_history_and_says_what_it_would_hit(eve: Browser, world: World) -> None:
    with world.runtime.database.write() as connection:
        record_outcomes(connection, [LONER], "case-1", Outcome.CLEARED, MOMENT)
    before = world.runtime.lake.manifest().version
    form = eve.get("/console/backtests").text
    assert 'value="2026-02-02"' in form  # the days that requests are stored of
    begun = eve.post("/console/backtests", form, rule=RULE_FILE.replace("\n", "\r\n"), reason="is it quiet?", **DAYS)
    address = begun.url.path
    page = until(eve, address, "Against the version in force")
    assert "Backtest: Stack traces" in page
    assert "Searched 32 requests of 8 accounts" in page
    assert "16 <" in page[page.index("Requests hit") :]  # each of eight accounts asks it twice
    accounts = page[page.index("Accounts it hits") :]
    assert accounts.index(LONER) < accounts.index(GROUP[0])  # known to be benign
    assert "it fires on 50.0% of the events" in page.casefold()
    assert "No version of it is in force" in page
    assert "ev_000" in page
    assert "Explain this" not in page
    assert world.runtime.lake.manifest().version == before
    (entry,) = world.runtime.ledger.entries(kind="rule.backtested")
    assert entry.body is not None
    assert entry.body["reason"] == "is it quiet?"
    assert (entry.body["since"], entry.body["until"]) == ("2026-02-01T00:00:00.000Z", "2026-02-04T00:00:00.000Z")
    assert address.endswith(entry.subject)


def test_what_cannot_be_run_is_explained_without_a_path_of_this_machine(eve: Browser) -> None:
    form = eve.get("/console/backtests").text
    broken = RULE_FILE.replace("condition: words", "condition: sentences")
    address = eve.post("/console/backtests", form, rule=broken, reason="to see", **DAYS).url.path
    page = until(eve, address, "found nothing out")
    assert "draft.yml" in page
    assert "stormwatch-backtest-" not in page


def test_one_is_watched_and_cancelled(eve: Browser, still: None) -> None:
    rule = eve.get(f"/console/rules/{SHIPPED_RULE}").text
    assert "Try it on history" in rule
    address = eve.post("/console/backtests", rule, rule=RULE_FILE, rule_id=SHIPPED_RULE, reason="slow", **DAYS).url.path
    page = until(eve, address, "3 of 8 parts")
    assert '<progress aria-label="Share of history that was searched" max="8" value="3">' in page
    told = eve.get(f"{address}/progress").json()
    assert told == {"state": "running", "step": "history", "done": 3, "total": 8}
    second = eve.post("/console/backtests", page, rule=RULE_FILE, reason="me too", **DAYS)
    assert second.status_code == 409
    assert "under way already" in second.text
    assert "condition: words" in second.text  # what was pasted is not lost
    ended = eve.post(f"{address}/cancel", page)
    assert "It was cancelled" in ended.text
    assert eve.get(f"{address}/progress").json()["state"] == "cancelled"
    third = eve.post("/console/backtests", page, rule=RULE_FILE, reason="now", **DAYS)
    eve.post(f"{third.url.path}/cancel", page)


def test_a_busy_backtest_leaves_nothing_of_the_second_on_the_ledger(eve: Browser, still: None, world: World) -> None:
    page = eve.get("/console/backtests").text
    first = eve.post("/console/backtests", page, rule=RULE_FILE, reason="first", **DAYS)
    eve.post("/console/backtests", page, rule=RULE_FILE, reason="second", **DAYS)
    reasons = [entry.body["reason"] for entry in world.runtime.ledger.entries(kind="rule.backtested") if entry.body]
    assert reasons == ["first"]
    eve.post(f"{first.url.path}/cancel", page)


@pytest.mark.parametrize("name", ["ana", "paul", "rita", "administrator", "audrey"])
def test_others_begin_none(app: FastAPI, world: World, still: None, name: str) -> None:
    browser = signed_in(app, world, name)
    page = browser.get("/console/you").text
    answer = browser.post("/console/backtests", page, rule=RULE_FILE, reason="curious", **DAYS)
    assert answer.status_code == 403
    assert not list(world.runtime.ledger.entries(kind="rule.backtested"))
    readable = browser.get("/console/backtests")
    assert readable.status_code == (200 if name == "audrey" else 403)
    assert "Try it</button>" not in readable.text


def test_an_auditor_reads_a_backtest_and_cancels_none(app: FastAPI, eve: Browser, world: World, still: None) -> None:
    page = eve.get("/console/backtests").text
    address = eve.post("/console/backtests", page, rule=RULE_FILE, reason="slow", **DAYS).url.path
    auditor, analyst = signed_in(app, world, "audrey"), signed_in(app, world, "ana")
    assert "Cancel it" not in auditor.get(address).text
    assert auditor.post(f"{address}/cancel", auditor.get("/console/you").text).status_code == 403
    for end in ("", "/progress"):
        assert analyst.get(address + end).status_code == 403
    assert eve.get(f"{address}/progress").json()["state"] == "running"
    eve.post(f"{address}/cancel", page)


def test_a_form_of_another_site_begins_none(eve: Browser, world: World) -> None:
    page = eve.get("/console/backtests").text
    sent = {"rule": RULE_FILE, "reason": "forged", **DAYS}
    assert eve.post("/console/backtests", page, origin="http://evil.test", **sent).status_code == 403
    assert eve.post("/console/backtests", "", **sent).status_code == 403
    assert not list(world.runtime.ledger.entries(kind="rule.backtested"))


@pytest.mark.parametrize(
    ("change", "said"),
    [({"reason": " "}, "needs a short reason"), ({"rule": "\n"}, "a rule of at most"),
     ({"since": "2026-02-09"}, "one to 92 days"), ({"since": "2020-01-01"}, "one to 92 days"),
     ({"until": "yesterday"}, "this is no day"), ({"rule": "x" * 200_001}, "a rule of at most")],
)  # fmt: skip
def test_an_order_without_bounds_or_reason_is_refused(eve: Browser, change: dict[str, str], said: str) -> None:
    page = eve.get("/console/backtests").text
    answer = eve.post("/console/backtests", page, **{"rule": RULE_FILE, "reason": "why", **DAYS, **change})
    assert answer.status_code == 400
    assert said in answer.text


def test_an_order_is_a_detection_engineer_s_whatever_way_it_comes(world: World) -> None:
    runtime = world.runtime
    ana = runtime.access.authenticate(world.tokens["ana"])
    with pytest.raises(Forbidden, match="detection-engineer"):
        order_backtest(runtime.database, runtime.ledger, ana, text="x", window=Window(0, DAY), reason="why")
    with pytest.raises(InvalidInput, match="days"):
        order_backtest(
            runtime.database, runtime.ledger, ana, text="x", window=Window(0, (MOST_DAYS + 1) * DAY), reason="why"
        )


def test_a_rule_as_it_is_is_tried_as_the_file_in_force(eve: Browser, world: World) -> None:
    page = eve.get(f"/console/rules/{SHIPPED_RULE}").text
    text = page.split('class="draft"')[1].split(">", 1)[1].split("</textarea>")[0]
    for sign, plain in (("&#39;", "'"), ("&#34;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(sign, plain)
    sent = eve.post("/console/backtests", page, rule=text[1:], rule_id=SHIPPED_RULE, reason="as it is", **DAYS)
    found = until(eve, sent.url.path, "Against the version in force")
    assert "Attack tools run through tool calls" in found
    assert OWN_RULE not in found
