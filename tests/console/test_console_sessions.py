"""Who gets in and what a form must carry: tokens, cookies, expiry, CSRF, Origin, roles, headers."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update

from console_world import Browser, csrf_of, signed_in
from stormwatch.access.sessions import IDLE_US, LONGEST_US
from stormwatch.cases.queue import get_case, list_cases
from stormwatch.model.principal import Role
from stormwatch.model.times import now_us
from stormwatch.storage.tables.sessions import sessions

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)


def first_case(world):
    return list_cases(world.runtime.database)[0].case_id


def age(world, **columns):
    with world.runtime.database.write() as connection:
        connection.execute(update(sessions).values(**columns))


def test_nobody_sees_anything_without_signing_in(app, world):
    browser = Browser(app)
    for address in ("/", "/cases/" + first_case(world), "/leads", "/account?id=a", "/observable", "/audit", "/people"):
        answer = browser.client.get("/console" + address, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/console/login")


def test_after_signing_in_people_come_to_the_page_they_asked_for(app, world):
    browser = Browser(app)
    page = browser.get("/console/account?id=acct_loner")
    assert 'name="next" value="/account?id=acct_loner"' in page.text
    found = browser.post("/console/login", page.text, token=world.tokens["ana"], next="/account?id=acct_loner")
    assert "acct_loner" in found.text


@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example/", "/\\evil.example", "/a\r\nSet-Cookie: x"])
def test_signing_in_never_leads_to_another_host(app, world, back):
    browser = Browser(app)
    page = browser.get("/console/login").text
    browser.client.follow_redirects = False
    answer = browser.post("/console/login", page, token=world.tokens["ana"], next=back)
    assert answer.headers["location"] == "/console/"


def test_the_cookie_is_opaque_httponly_and_strict(app, world):
    browser = Browser(app)
    page = browser.get("/console/login").text
    browser.client.follow_redirects = False
    answer = browser.post("/console/login", page, token=world.tokens["ana"])
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("stormwatch_session"))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/console" in cookie
    assert world.tokens["ana"] not in cookie
    with world.runtime.database.read() as connection:
        row = connection.execute(select(sessions)).one()
    value = cookie.split("=", 1)[1].split(";")[0]
    assert value not in str(row)
    assert world.tokens["ana"] not in str(row)


def test_tokens_of_machines_and_nonsense_open_nothing(app, world):
    for token in (world.tokens["gateway"], "nonsense", "", "a" * 10_000):
        answer = Browser(app).log_in(token)
        assert answer.status_code in {400, 403}
        assert "stormwatch_session" not in answer.headers.get("set-cookie", "")


def test_logging_out_ends_the_session_on_the_server(analyst, world):
    cookie = analyst.client.cookies["stormwatch_session"]
    page = analyst.get("/console/").text
    analyst.post("/console/logout", page)
    analyst.client.cookies.set("stormwatch_session", cookie, domain="console.test", path="/console")
    assert "Personal token" in analyst.get("/console/").text


@pytest.mark.parametrize(
    "columns", [{"seen_us": now_us() - IDLE_US - 1_000_000}, {"opened_us": now_us() - LONGEST_US - 1_000_000}]
)
def test_sessions_end_by_themselves(analyst, world, columns):
    age(world, **columns)
    assert "Personal token" in analyst.get("/console/").text


def test_a_revoked_token_ends_its_session_at_once(analyst, world):
    administrator = world.runtime.access.authenticate(world.tokens["administrator"])
    world.runtime.access.disable_person(administrator, "ana")
    assert "Personal token" in analyst.get("/console/").text


def test_a_changed_role_counts_at_once(analyst, world):
    administrator = world.runtime.access.authenticate(world.tokens["administrator"])
    page = analyst.get(f"/console/cases/{first_case(world)}").text
    world.runtime.access.change_role(administrator, "ana", Role.REPORTER)
    answer = analyst.post(f"/console/cases/{first_case(world)}/claim", page)
    assert answer.status_code == 403


def test_forms_need_csrf_and_origin(analyst, world):
    case_id = first_case(world)
    page = analyst.get(f"/console/cases/{case_id}").text
    address = f"/console/cases/{case_id}/note"
    assert analyst.post(address, page, origin="http://evil.example", text="x").status_code == 403
    assert analyst.post(address, page, origin="null", text="x").status_code == 403
    assert analyst.client.post(address, data={"csrf": csrf_of(page), "text": "x"}).status_code == 403
    assert analyst.post(address, "", text="x").status_code == 403
    assert analyst.post(address, 'name="csrf" value="00"', text="x").status_code == 403
    assert analyst.post(address, page, text="kept").status_code == 200


def test_a_form_of_one_session_is_not_one_of_another(app, world, analyst, approver):
    case_id = first_case(world)
    page = approver.get(f"/console/cases/{case_id}").text
    assert analyst.post(f"/console/cases/{case_id}/note", page, text="x").status_code == 403


def test_log_in_forms_need_csrf_and_origin_too(app, world):
    browser = Browser(app)
    page = browser.get("/console/login").text
    token = world.tokens["ana"]
    assert browser.post("/console/login", page, origin="http://evil.example", token=token).status_code == 403
    assert browser.post("/console/login", "", token=token).status_code == 403


def test_every_answer_carries_the_policy_and_is_not_kept(app, analyst, world):
    for address in ("/console/", f"/console/cases/{first_case(world)}", "/console/login", "/console/nothing"):
        headers = analyst.get(address).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    assert analyst.get("/console/static/frame.css").headers["content-security-policy"] == POLICY
    assert analyst.get("/").url.path == "/console/"


def test_style_and_script_are_asked_for_once_and_pages_each_time(analyst: Browser) -> None:
    shown = analyst.get("/console/")
    kept = set(re.findall(r'"(/console/static/[^"]+)"', shown.text))
    assert len(kept) > 5
    for address in kept:
        assert "?v=" in address
        assert analyst.get(address).headers["cache-control"] == "max-age=31536000, immutable"
    assert analyst.get("/console/static/frame.css").headers["cache-control"] == "no-cache"
    assert analyst.get("/console/static/gone.css?v=1").headers["cache-control"] == "no-cache"
    assert shown.headers["cache-control"] == "no-store"


def test_forms_are_short_and_tell_their_length(app):
    browser = Browser(app)
    page = browser.get("/console/login").text
    answer = browser.post("/console/login", page, token="a" * 2_000_000)
    assert answer.status_code == 413
    assert answer.headers["content-security-policy"] == POLICY
    chunks = browser.client.post("/console/login", content=(b"a" for _ in range(3)))
    assert chunks.status_code == 411


def test_only_some_roles_read_the_ledger(app, world, analyst, approver):
    assert analyst.get("/console/audit").status_code == 403
    assert signed_in(app, world, "audrey").get("/console/audit?kind=role.changed").status_code == 200
    answer = approver.post("/console/audit/verify", approver.get("/console/audit").text)
    assert answer.status_code == 200
    assert 'role="status"' in answer.text


def test_identity_comes_from_the_session_alone(app, world, analyst):
    case_id = first_case(world)
    page = analyst.get(f"/console/cases/{case_id}").text
    other = world.runtime.access.person("paul").person_id
    analyst.post(f"/console/cases/{case_id}/claim", page, by=other, person_id=other, assignee=other)
    assert get_case(world.runtime.database, case_id).assignee == world.runtime.access.person("ana").person_id


def test_reporters_see_no_forms_and_open_nothing(app, world):
    reporter, case_id = signed_in(app, world, "rita"), first_case(world)
    page = reporter.get(f"/console/cases/{case_id}").text
    assert re.findall(r'<form action="[^"]*/(claim|note|clear|answer)"', page) == []
    answer = reporter.post(f"/console/cases/{case_id}/reveal", page, event="ev_000", reason="curious")
    assert answer.status_code == 403
    assert "stack trace" not in answer.text
