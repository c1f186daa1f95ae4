"""The console's work around cases: the queue's filters, two analysts at once, tasks, merge and split, news."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI

from console_world import GROUP, LONER, Browser, World, csrf_of, link, put, signed_in
from stormwatch.cases.queue import get_case, list_cases, notes_of
from stormwatch.cases.reveal import reveal
from stormwatch.cases.review import note
from stormwatch.cases.tasks import tasks_of
from stormwatch.model.case import CaseState
from stormwatch.model.principal import Role
from stormwatch.model.times import now_us
from stormwatch.storage.tables.sessions import sessions


@pytest.fixture
def case_id(world: World) -> str:
    return list_cases(world.runtime.database)[0].case_id


@pytest.fixture
def second(app: FastAPI, world: World) -> Browser:
    """A second analyst."""
    runtime = world.runtime
    administrator = runtime.access.authenticate(world.tokens["administrator"])
    browser = Browser(app)
    browser.log_in(runtime.access.add_person(administrator, "bert", Role.ANALYST)[1])
    return browser


def _seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\d+)"', page)
    return found[1] if found else ""


def _post(browser: Browser, page: str, address: str, **fields: str):  # type: ignore[no-untyped-def]
    return browser.post(f"/console{address}", page, seen=_seen(page), **fields)


def test_of_two_analysts_at_once_the_second_is_told_and_keeps_what_they_wrote(
    analyst: Browser, second: Browser, world: World, case_id: str
) -> None:
    address = f"/console/cases/{case_id}"
    ana, bert = analyst.get(address).text, second.get(address).text
    assert "You hold this case now" in _post(analyst, ana, f"/cases/{case_id}/claim").text
    late = _post(second, bert, f"/cases/{case_id}/claim")
    assert late.status_code == 409
    assert "claimed by ana at" in late.text
    refused = _post(second, bert, f"/cases/{case_id}/clear", reason="a class of <students>")
    assert refused.status_code == 409
    assert "a class of &lt;students&gt;</textarea>" in refused.text
    assert "nothing was done" in refused.text
    assert get_case(world.runtime.database, case_id).state is CaseState.IN_REVIEW
    # With the page that tells of it in hand the same person may decide.
    assert "The case is cleared" in _post(second, refused.text, f"/cases/{case_id}/clear", reason="a class").text


def test_a_claim_is_given_back_and_a_settled_case_reopened(analyst: Browser, case_id: str) -> None:
    address = f"/cases/{case_id}"
    page = _post(analyst, analyst.get(f"/console{address}").text, f"{address}/claim").text
    page = _post(analyst, page, f"{address}/release", reason="on leave").text
    assert "back in its queue" in page
    page = _post(analyst, page, f"{address}/clear", reason="a class").text
    page = _post(analyst, page, f"{address}/reopen", reason="no such class").text
    assert "The case is open again" in page


def test_tasks_are_added_ended_and_asked_about_before_closing(analyst: Browser, world: World, case_id: str) -> None:
    address = f"/cases/{case_id}"
    page = _post(analyst, analyst.get(f"/console{address}").text, f"{address}/tasks", title="Ask <the> host").text
    assert "Ask &lt;the&gt; host" in page
    (task,) = tasks_of(world.runtime.database, case_id)
    page = _post(analyst, page, f"{address}/clear", reason="a class").text
    page = _post(analyst, page, f"{address}/close", reason="done").text
    assert "a task is open" in page
    page = _post(analyst, page, f"{address}/tasks/{task.task_id}", outcome="done", remark="it answered").text
    assert "it answered" in page
    assert "The case is closed" in _post(analyst, page, f"{address}/close", reason="done").text


def test_routing_and_due_times_are_set_with_a_reason(analyst: Browser, world: World, case_id: str) -> None:
    address = f"/cases/{case_id}"
    page = _post(analyst, analyst.get(f"/console{address}").text, f"{address}/route", queue="general", reason="").text
    assert "a reason must say something" in page
    page = _post(analyst, page, f"{address}/route", queue="general", reason="no actor").text
    assert get_case(world.runtime.database, case_id).queue == "general"
    page = _post(analyst, page, f"{address}/due", until="2099-01-01T10:00", reason="the peer waits").text
    assert "2099-01-01 10:00:00 UTC" in page
    assert "cannot be read" in _post(analyst, page, f"{address}/due", until="soon", reason="x").text


def test_split_and_merged_again_by_similar_cases(analyst: Browser, world: World, case_id: str) -> None:
    address = f"/cases/{case_id}"
    page = analyst.get(f"/console{address}").text
    divided = analyst.client.post(
        f"/console{address}/split",
        data={
            "csrf": csrf_of(page),
            "seen": _seen(page),
            "account": list(GROUP[:2]),
            "reason": "another household",
        },
        headers={"Origin": "http://console.test"},
    )
    new = urlsplit(str(divided.url)).path.rpartition("/")[2]
    assert get_case(world.runtime.database, new).account_ids == GROUP[:2]
    assert f'Split from <a class="id" href="/console{address}"' in divided.text
    assert "hypotheses were assessed on 6 accounts, of which 2" in divided.text
    similar = analyst.get(f"/console/cases/{new}/similar").text
    assert case_id in similar
    assert "dev_shared_1" in similar
    merged = _post(analyst, similar, f"/cases/{new}/merge", into=case_id, reason="one device after all")
    assert "accounts are in this one now" in merged.text
    assert get_case(world.runtime.database, case_id).account_ids == GROUP


def test_what_many_share_makes_no_case_similar(analyst: Browser, world: World, case_id: str) -> None:
    page = analyst.get(f"/console/cases/{case_id}/similar").text
    assert "No other case shares anything rare" in page
    put(world.runtime, "links", [link(GROUP[0], '"><img src=x onerror=alert(1)>\u202eevil', 3.0, 0.4, "device", "d-9")])
    assert "d-9" in analyst.get(f"/console/cases/{case_id}/similar").text


def test_queries_are_saved_in_the_address_and_dropped(analyst: Browser, approver: Browser) -> None:
    page = analyst.get("/console/?queue=tracked-actors&order=due").text
    assert "Tracked actors" in page
    kept = analyst.post("/console/queries", page, name="ours <b>", query="queue=tracked-actors&order=due", shared="yes")
    assert "ours &lt;b&gt;" in kept.text
    assert "order=due" in kept.text
    theirs = approver.get("/console/").text
    assert "shared by ana" in theirs
    assert "/drop" not in theirs
    (drop,) = re.findall(r'action="(/console/queries/[^"]+/drop)"', kept.text)
    assert "The query is dropped" in analyst.post(drop, kept.text).text
    assert analyst.get("/console/?order=luck").status_code == 400


def test_an_open_page_learns_what_others_did_and_keeps_no_session_alive(
    analyst: Browser, world: World, case_id: str
) -> None:
    runtime = world.runtime
    page, since = analyst.get(f"/console/cases/{case_id}").text, now_us()
    before = analyst.get(f"/console/cases/{case_id}/news").json()
    assert str(before["version"]) == _seen(page)
    paul = runtime.access.authenticate(world.tokens["paul"])
    note(runtime.database, runtime.ledger, paul, case_id, "see the other lead")
    after = analyst.get(f"/console/cases/{case_id}/news")
    assert after.json()["version"] == before["version"] + 1
    assert "noted on by paul" in after.json()["words"]
    assert after.headers["cache-control"] == "no-store"
    assert analyst.get(f"/console/queue/news?since={since}").json()["changed"] == 1
    assert analyst.get(f"/console/queue/news?since={since}&state=closed").json()["changed"] == 0
    rows = analyst.get("/console/queue/rows")
    assert case_id in rows.text
    assert "<html" not in rows.text
    with runtime.database.write() as connection:
        connection.execute(sessions.update().values(seen_us=now_us() - 29 * 60_000_000))
    assert analyst.get("/console/queue/news").status_code == 200
    with runtime.database.write() as connection:
        connection.execute(sessions.update().values(seen_us=sessions.c.seen_us - 2 * 60_000_000))
    assert analyst.get("/console/queue/news").status_code == 401


def test_the_registry_is_consulted_and_sources_are_named(analyst: Browser, world: World, case_id: str) -> None:
    page = analyst.get(f"/console/cases/{case_id}").text
    assert "Registry of verified researchers: no account is a verified researcher" in page
    assert "source: seen here" in page
    put(world.runtime, "account_records", [{"account_id": GROUP[0], "verified_researcher": True}])
    page = analyst.get(f"/console/cases/{case_id}").text
    assert "1 of 6 are verified researchers" in page
    assert "of 5 the operator" in page


def test_auditors_see_on_the_case_who_opened_what(app: FastAPI, world: World, case_id: str) -> None:
    runtime = world.runtime
    ana = runtime.access.authenticate(world.tokens["ana"])
    reveal(
        runtime.database,
        runtime.ledger,
        runtime.lake,
        runtime.keyring,
        ana,
        case_id,
        ["ev_000"],
        "to see what was asked",
    )
    shown = signed_in(app, world, "audrey").get(f"/console/cases/{case_id}").text
    assert "to see what was asked" in shown
    assert "Explain this stack trace" not in shown
    assert "Who opened texts" not in signed_in(app, world, "rita").get(f"/console/cases/{case_id}").text


def test_opened_texts_are_stored_by_nobody(analyst: Browser, case_id: str) -> None:
    page = analyst.get(f"/console/cases/{case_id}").text
    assert "Explain this stack trace" not in page
    refused = analyst.post(f"/console/cases/{case_id}/reveal", page, event="ev_000", reason=" ")
    assert "needs a reason" in refused.text
    opened = analyst.post(f"/console/cases/{case_id}/reveal", page, event="ev_000", reason="to judge it")
    assert "Explain this stack trace" in opened.text
    assert opened.headers["cache-control"] == "no-store"


def test_notes_written_at_once_are_both_kept(analyst: Browser, second: Browser, world: World, case_id: str) -> None:
    ana, bert = (browser.get(f"/console/cases/{case_id}").text for browser in (analyst, second))
    analyst.post(f"/console/cases/{case_id}/note", ana, text="from ana")
    second.post(f"/console/cases/{case_id}/note", bert, text="from bert")
    assert [each.text for each in notes_of(world.runtime.database, case_id)] == ["from ana", "from bert"]
    assert LONER not in get_case(world.runtime.database, case_id).account_ids
