"""Signing in over the console: password and code, cookies, rotation, forged and stolen things, one's own page."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx import Response

from console_world import Browser, World, csrf_of, signed_in
from people_making import PASSWORD, Device, give_factor, give_password
from stormwatch.cases.queue import list_cases
from stormwatch.console.app import _PAGES, mount
from stormwatch.model.principal import Role
from stormwatch.runtime import open_runtime

pytestmark = pytest.mark.usefixtures("quick_passwords")

NEW = "gravel moss teapot violin"


@pytest.fixture
def ana(world: World) -> Device:
    """Ana has a password and a second factor."""
    give_password(world.runtime, world.tokens["ana"])
    return give_factor(world.runtime, world.tokens["ana"])


def with_password(browser: Browser, name: str, password: str = PASSWORD, **fields: Any) -> Response:
    page = browser.get("/console/login").text
    return browser.post("/console/login/password", page, name=name, password=password, **fields)


def with_code(browser: Browser, device: Device, page: Response) -> Response:
    return browser.post("/console/login/code", page.text, code=device.code())


def first_case(world: World) -> str:
    return list_cases(world.runtime.database)[0].case_id


def test_from_a_one_time_code_to_a_second_factor(app: FastAPI, world: World) -> None:
    ana = world.runtime.access.authenticate(world.tokens["ana"])
    code = world.runtime.passwords.invite(ana, "ana").code
    browser = Browser(app)
    page = browser.get("/console/welcome").text
    refused = browser.post("/console/welcome", page, invitation=code, password="short", again="short")
    assert refused.status_code == 400
    assert "15 to 256 characters" in refused.text
    unequal = browser.post("/console/welcome", refused.text, invitation=code, password=PASSWORD, again=NEW)
    assert "differ" in unequal.text
    done = browser.post("/console/welcome", unequal.text, invitation=code, password=PASSWORD, again=PASSWORD)
    assert "The password of ana is set" in done.text
    again = browser.get("/console/welcome").text
    assert browser.post("/console/welcome", again, invitation=code, password=NEW, again=NEW).status_code == 403

    assert "Queue" in with_password(browser, "ana").text
    enrolment = browser.post("/console/you/second-factor", browser.get("/console/you").text)
    assert "<svg" in enrolment.text
    assert "style=" not in enrolment.text
    device = Device(unescape(str(re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', enrolment.text)[1])))
    wrong = browser.post("/console/you/second-factor/confirm", enrolment.text, code="12")
    assert wrong.status_code == 400
    assert device.secret in wrong.text
    before = browser.client.cookies["stormwatch_session"]
    confirmed = browser.post("/console/you/second-factor/confirm", wrong.text, code=device.code())
    codes = re.findall(r"<code>([A-Z2-7-]{29})</code>", confirmed.text)
    assert len(codes) == 10
    assert browser.client.cookies["stormwatch_session"] != before
    assert codes[0] not in browser.get("/console/you").text

    other = Browser(app)
    asked = with_password(other, "ana")
    assert "Second factor" in asked.text
    assert other.post("/console/login/code", asked.text, code=codes[0]).url.path == "/console/"
    assert "9 recovery codes left" in other.get("/console/you").text


def test_nothing_opens_between_password_and_code(app: FastAPI, world: World, ana: Device) -> None:
    browser = Browser(app)
    asked = with_password(browser, "ana")
    for address in ("/console/", "/console/you", "/console/cases/" + first_case(world)):
        assert "Log in" in browser.get(address).text
    note = browser.post(f"/console/cases/{first_case(world)}/note", asked.text, text="x")
    assert note.url.path == "/console/login"
    assert with_code(browser, ana, asked).url.path == "/console/"


def test_a_code_that_was_seen_opens_nothing_a_second_time(app: FastAPI, world: World, ana: Device) -> None:
    browser, watcher = Browser(app), Browser(app)
    code = ana.code()
    asked, watched = with_password(browser, "ana"), with_password(watcher, "ana")
    assert browser.post("/console/login/code", asked.text, code=code).url.path == "/console/"
    refused = watcher.post("/console/login/code", watched.text, code=code)
    assert refused.status_code == 403
    assert "Log in" in watcher.get("/console/").text


def test_a_fixed_session_is_never_taken_over(app: FastAPI, world: World, ana: Device) -> None:
    """An attacker plants a cookie, theirs or made up, and waits for the victim to sign in with it."""
    attacker = signed_in(app, world, "rita")
    planted = attacker.client.cookies["stormwatch_session"]
    for value in (planted, "made-up"):
        victim = Browser(app)
        victim.client.cookies.set("stormwatch_session", value, domain="console.test", path="/console")
        asked = with_password(victim, "ana")
        waiting = victim.client.cookies["stormwatch_session"]
        assert with_code(victim, ana, asked).url.path == "/console/"
        final = victim.client.cookies["stormwatch_session"]
        assert len({value, waiting, final}) == 3
        for old in (value, waiting):
            thief = Browser(app)
            thief.client.cookies.set("stormwatch_session", old, domain="console.test", path="/console")
            assert "Log in" in thief.get("/console/").text


@pytest.mark.parametrize(
    "back",
    ["//evil.example/", "https://evil.example/", "/\\evil.example", "/a\r\nSet-Cookie: x", "evil.example", "\t//e"],
)
def test_no_way_in_leads_to_another_host(app: FastAPI, world: World, ana: Device, back: str) -> None:
    browser = Browser(app)
    page = browser.get(
        "/console/login",
    ).text
    browser.client.follow_redirects = False
    answer = browser.post("/console/login/password", page, name="ana", password=PASSWORD, next=back)
    assert answer.headers["location"] == "/console/login/code?next=%2F"
    form = browser.client.get("/console/login/code", params={"next": back})
    assert 'name="next" value="/"' in form.text
    answer = browser.post("/console/login/code", form.text, code=ana.code(), next=back)
    assert answer.headers["location"] == "/console/"


def posts() -> list[str]:
    """All POST routes, taken from the pages' routers, so that a new one cannot be forgotten."""
    routes = [route for module in _PAGES for route in module.router.routes]
    return ["/console" + route.path for route in routes if isinstance(route, APIRoute) and "POST" in route.methods]


def test_every_form_of_every_page_refuses_other_sites(app: FastAPI, world: World, analyst: Browser) -> None:
    token = csrf_of(analyst.get("/console/").text)
    fields = {
        **dict.fromkeys(("name", "password", "again", "invitation", "code", "token", "issuer", "subject"), "x" * 20),
        **dict.fromkeys(("kind", "reason_code", "evidence_hash", "alternative", "label"), "suspend"),
    }
    found = posts()
    assert len(found) > 20
    before = world.runtime.ledger.checkpoint().size
    for address in found:
        where = re.sub(r"\{[a-z_]+\}", first_case(world), address)
        for headers, csrf in (
            ({"Origin": "https://evil.example"}, token),
            ({"Origin": "null"}, token),
            ({}, token),
            ({"Origin": "http://console.test"}, ""),
            ({"Origin": "http://console.test"}, "0" * 32),
        ):
            answer = analyst.client.post(where, data={**fields, "csrf": csrf}, headers=headers, follow_redirects=False)
            is_to_sign_in = answer.status_code == 303 and answer.headers["location"] == "/console/login"
            assert answer.status_code == 403 or (is_to_sign_in and "code" in where), (
                where,
                headers,
                answer.status_code,
            )
    assert world.runtime.ledger.checkpoint().size == before


def test_no_form_gives_a_role(app: FastAPI, world: World, analyst: Browser) -> None:
    page = analyst.get("/console/you").text
    for address in ("/console/you/password", "/console/you/tokens", "/console/people", "/console/you"):
        analyst.post(
            address, page, role="administrator", password=NEW, again=NEW, label="x", scope="ingest", person_id="p"
        )
    assert world.runtime.access.person("ana").role is Role.ANALYST
    made = re.search(
        r"<code>(swp_[^<]+)</code>", analyst.post("/console/you/tokens", page, label="x", scope="ingest").text
    )
    assert made is not None
    assert {scope.value for scope in world.runtime.access.authenticate(made[1]).scopes} == {"person"}


def test_nobody_ends_or_revokes_what_is_anothers(
    app: FastAPI, world: World, analyst: Browser, approver: Browser
) -> None:
    paul = world.runtime.access.person("paul")
    (session,) = world.runtime.sessions.of(paul)
    token = next(one for one in world.runtime.access.tokens() if one.person and one.person.name == "paul")
    page = analyst.get("/console/you").text
    assert analyst.post(f"/console/you/sessions/{session.session_id}/end", page).status_code == 404
    assert analyst.post(f"/console/you/tokens/{token.token_id}/revoke", page).status_code == 404
    assert "Queue" in approver.get("/console/").text


def test_sessions_are_listed_and_ended(app: FastAPI, world: World) -> None:
    first, second, third = (signed_in(app, world, "ana") for _ in range(3))
    page = first.get("/console/you").text
    ends = re.findall(r'action="(/console/you/sessions/session-[^"/]+/end)"', page)
    assert len(ends) == 2
    assert "testclient" in page
    first.post(ends[0], page)
    assert [("Log in" in browser.get("/console/").text) for browser in (second, third)].count(True) == 1
    first.post("/console/you/sessions/end-others", page)
    assert all("Log in" in browser.get("/console/").text for browser in (second, third))
    assert "Log in" not in first.get("/console/").text


def test_a_password_is_changed_and_the_token_made_once(app: FastAPI, world: World) -> None:
    browser, other = signed_in(app, world, "ana"), signed_in(app, world, "ana")
    page = browser.get("/console/you").text
    assert "sessions have ended" in browser.post("/console/you/password", page, password=NEW, again=NEW).text
    assert "Log in" in other.get("/console/").text
    refused = browser.post("/console/you/password", page, password=PASSWORD, again=PASSWORD, old="guess")
    assert refused.status_code == 403
    made = browser.post("/console/you/tokens", page, label="laptop", days="3")
    token = re.search(r"<code>(swp_[^<]+)</code>", made.text)
    assert token is not None
    assert world.runtime.access.authenticate(token[1])
    assert token[1] not in browser.get("/console/you").text
    (record,) = [one for one in world.runtime.access.tokens() if one.label == "laptop"]
    assert "revoked" in browser.post(f"/console/you/tokens/{record.token_id}/revoke", page).text


def test_too_many_guesses_say_how_long_to_wait(app: FastAPI, world: World, ana: Device) -> None:
    browser = Browser(app)
    for _ in range(5):
        assert with_password(browser, "ana", "wrong guess here").status_code == 403
    closed = with_password(browser, "ana")
    assert closed.status_code == 429
    assert 0 < int(closed.headers["retry-after"]) <= 60
    assert "wait 1 minute" in closed.text


def test_who_was_here_before_is_not_shut_out_by_strangers(app: FastAPI, world: World, ana: Device) -> None:
    owner, stranger = Browser(app), Browser(app)
    with_code(owner, ana, with_password(owner, "ana"))
    owner.post("/console/logout", owner.get("/console/").text)
    for _ in range(6):
        with_password(stranger, "ana", "wrong guess here")
    assert with_password(stranger, "ana").status_code == 429
    assert "Second factor" in with_password(owner, "ana").text


def test_behind_tls_cookies_are_bound_to_the_host(app: FastAPI, world: World, ana: Device) -> None:
    client = TestClient(app, base_url="https://console.test", follow_redirects=False)
    page = client.get("/console/login")
    visitor = page.headers["set-cookie"]
    assert visitor.startswith("__Host-stormwatch_visitor=")
    fields = {"csrf": csrf_of(page.text), "name": "ana", "password": PASSWORD}
    plain = client.post("/console/login/password", data=fields, headers={"Origin": "http://console.test"})
    assert plain.status_code == 403, "a page that came without TLS is another site"
    answer = client.post("/console/login/password", data=fields, headers={"Origin": "https://console.test"})
    session = next(one for one in answer.headers.get_list("set-cookie") if "_session=" in one)
    assert session.startswith("__Host-stormwatch_session=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=strict"} <= set(session.split("; "))
    assert "Domain" not in session
    stepped = client.post(
        "/console/login/code",
        data={"csrf": csrf_of(client.get("/console/login/code").text), "code": ana.code()},
        headers={"Origin": "https://console.test"},
    )
    browser_mark = next(one for one in stepped.headers.get_list("set-cookie") if "_browser=" in one)
    assert {"HttpOnly", "Secure"} <= set(browser_mark.split("; "))


def test_a_public_address_with_tls_counts_even_where_the_proxy_says_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORMWATCH_CONSOLE_URL", "https://watch.example")
    other = open_runtime(world.runtime.settings.home)
    application = FastAPI()
    mount(application, other)
    page = TestClient(application, base_url="http://watch.example").get("/console/login")
    assert page.headers["set-cookie"].startswith("__Host-")
    other.close()


def test_nobody_sends_a_password_over_an_open_network(app: FastAPI, world: World, ana: Device) -> None:
    client = TestClient(app, base_url="http://console.test", client=("192.0.2.9", 4711))
    fields = {"csrf": csrf_of(client.get("/console/login").text), "name": "ana", "password": PASSWORD}
    answer = client.post("/console/login/password", data=fields, headers={"Origin": "http://console.test"})
    assert answer.status_code == 403
    assert "console_plain_http" in answer.text
    local = TestClient(app, base_url="http://console.test", client=("127.0.0.1", 4711))
    fields["csrf"] = csrf_of(local.get("/console/login").text)
    assert (
        local.post("/console/login/password", data=fields, headers={"Origin": "http://console.test"}).status_code == 200
    )


def test_tokens_can_be_kept_out_of_the_console(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMWATCH_CONSOLE_TOKEN_SIGN_IN", "false")
    other = open_runtime(world.runtime.settings.home)
    application = FastAPI()
    mount(application, other)
    browser = Browser(application)
    page = browser.get("/console/login").text
    assert "Personal token" not in page
    assert browser.post("/console/login", page, token=world.tokens["ana"]).status_code == 403
    other.close()


def test_opening_texts_asks_for_a_fresh_code(app: FastAPI, world: World, ana: Device) -> None:
    browser = Browser(app)
    with_code(browser, ana, with_password(browser, "ana"))
    case = f"/console/cases/{first_case(world)}"
    assert 'name="code"' not in browser.get(case).text, "just given"
    with world.runtime.database.write() as connection:
        connection.exec_driver_sql("UPDATE sessions SET proved_us = proved_us - 660000000")
    page = browser.get(case).text
    assert 'name="code"' in page
    reading = {"event": "ev_000", "reason": "to see what was asked"}
    for code in ({}, {"code": "000000"}, {"code": ana.recovery_codes[0][:-1]}):
        refused = browser.post(case + "/reveal", page, **reading, **code)
        assert refused.status_code == 403
        assert "stack trace" not in refused.text
    before = browser.client.cookies["stormwatch_session"]
    opened = browser.post(case + "/reveal", page, **reading, code=ana.code())
    assert "stack trace" in opened.text
    assert browser.client.cookies["stormwatch_session"] != before
    assert browser.post(case + "/note", page, text="a tab from before still works").status_code == 200
    thief = Browser(app)
    thief.client.cookies.set("stormwatch_session", before, domain="console.test", path="/console")
    assert "Log in" in thief.get("/console/").text


def test_approving_asks_for_a_fresh_code(app: FastAPI, world: World) -> None:
    give_password(world.runtime, world.tokens["paul"])
    device = give_factor(world.runtime, world.tokens["paul"])
    browser = Browser(app)
    with_code(browser, device, with_password(browser, "paul"))
    with world.runtime.database.write() as connection:
        connection.exec_driver_sql("UPDATE sessions SET proved_us = proved_us - 660000000")
    case = f"/console/cases/{first_case(world)}"
    page = browser.get(case).text
    address = case + "/proposals/proposal-x/approve"
    refused = browser.post(address, page, evidence_hash="x")
    assert (refused.status_code, "fresh code" in refused.text) == (403, True)
    assert browser.post(address, page, evidence_hash="x", code="000000").status_code == 403
    assert browser.post(address, page, evidence_hash="x", code=device.code()).status_code == 404, "asked, then looked"
