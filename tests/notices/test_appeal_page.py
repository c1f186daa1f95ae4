"""The appeal page promises: no login, no word on which accounts exist, no foreign form, no script, no forged line."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI

from console_world import Browser, csrf_of
from notice_making import ACCOUNT, served_code, suspended_floor
from review_floor import Floor
from stormwatch.actions.appeals.appeal_file import list_appeals
from stormwatch.actions.appeals.receiving import GUESSES
from stormwatch.actions.notices.languages import load_languages
from stormwatch.api.app import create_app
from stormwatch.cli.logs import log_to_stderr
from stormwatch.console.app import mount
from stormwatch.console.public_appeal.words import chosen_language, load_words
from stormwatch.console.security import LONGEST_FORM
from stormwatch.runtime import Runtime

WRONG = "AAAA-BBBB-CCCC-DDDD-EEEE"
FORGED = '\n{"event": "forged", "level": "info"}\r\n\x1b[2Jstormwatch: the ledger is whole'


def _app(runtime: Runtime) -> FastAPI:
    application = create_app(runtime)
    mount(application, runtime)
    return application


@pytest.fixture
def holder(runtime: Runtime) -> Browser:
    """A browser of somebody without an account here."""
    return Browser(_app(runtime))


def test_the_page_is_public_strict_and_not_kept(holder: Browser) -> None:
    page = holder.get("/appeal")
    assert page.status_code == 200
    assert page.url.path == "/appeal/"
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert " style=" not in page.text


def test_every_language_has_its_page(holder: Browser) -> None:
    assert set(load_words()) == set(load_languages())
    for code, words in load_words().items():
        page = holder.get(f"/appeal/?lang={code}").text
        assert words.title in page
        assert f'lang="{code}" dir="{load_languages()[code].direction}"' in page


@pytest.mark.parametrize(
    ("asked", "header", "code"),
    [
        ("", "", "en"),
        ("es", "fr", "es"),
        ("", "zh-Hans-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "tlh, ko;q=0.3", "ko"),
        ("../../etc/passwd", "\x00", "en"),
        ("__class__", "*", "en"),
    ],
)
def test_the_language_is_the_readers(asked: str, header: str, code: str) -> None:
    assert chosen_language(asked, header) == code


def test_wrong_used_and_foreign_codes_read_alike_whether_or_not_an_account_exists(suspended: Floor) -> None:
    holder, code = Browser(_app(suspended.runtime)), served_code(suspended)
    page = holder.get("/appeal").text
    taken = holder.post("/appeal/", page, code=code, text="Not me.")
    assert "Your appeal has arrived" in taken.text
    assert ACCOUNT not in taken.text
    answers = {
        (answer.status_code, answer.text.replace(csrf_of(answer.text), ""))
        for tried in (code, WRONG, ACCOUNT, "acct-nobody", "' OR 1=1 --", "{{7*7}}", "../../../etc/passwd")
        if (answer := holder.post("/appeal/", holder.get("/appeal").text, code=tried, text="Not me."))
    }
    ((status, text),) = answers
    assert status == 403
    assert "not valid, was used or is too old" in text


def test_guessing_is_stopped_and_says_how_long(holder: Browser) -> None:
    for _ in range(GUESSES.free):
        assert holder.post("/appeal/", holder.get("/appeal").text, code=WRONG, text="x").status_code == 403
    stopped = holder.post("/appeal/", holder.get("/appeal").text, code=WRONG, text="my words")
    assert stopped.status_code == 429
    assert int(stopped.headers["retry-after"]) > 0
    assert "my words" in stopped.text, "what somebody wrote is not lost"


def test_a_header_of_the_guessers_own_opens_no_second_try(holder: Browser) -> None:
    for number in range(GUESSES.free):
        holder.client.headers["x-forwarded-for"] = f"203.0.113.{number}"
        holder.post("/appeal/", holder.get("/appeal").text, code=WRONG, text="x")
    holder.client.headers["x-forwarded-for"] = "203.0.113.99"
    assert holder.post("/appeal/", holder.get("/appeal").text, code=WRONG, text="x").status_code == 429


def test_a_form_from_elsewhere_is_not_taken_and_uses_no_code_up(suspended: Floor) -> None:
    holder, code = Browser(_app(suspended.runtime)), served_code(suspended)
    page = holder.get("/appeal").text
    fields = {"code": code, "text": "Not me."}
    assert holder.post("/appeal/", page, origin="https://evil.example", **fields).status_code == 403
    assert holder.client.post("/appeal/", data=fields).status_code == 403
    assert holder.post("/appeal/", '<input name="csrf" value="00">', **fields).status_code == 403
    assert list_appeals(suspended.runtime.database) == ()
    assert holder.post("/appeal/", holder.get("/appeal").text, **fields).status_code == 200


def test_what_is_no_form_gets_one_sentence(holder: Browser) -> None:
    assert holder.get("/appeal/../console/audit").status_code in {200, 404}
    assert holder.get("/appeal/static/../../../pyproject.toml").status_code == 404
    assert holder.get("/appeal/%2e%2e/%2e%2e/etc/passwd").status_code == 404
    assert "could not be taken" in holder.get("/appeal/nothing").text
    big = holder.client.post("/appeal/", content=b"x" * (LONGEST_FORM + 1))
    assert big.status_code == 413


def test_nobody_forges_a_line_of_the_log(
    suspended: Floor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, code = Browser(_app(suspended.runtime)), served_code(suspended)
    log_to_stderr()
    for tried, text in ((FORGED, FORGED), (code, FORGED)):
        holder.post("/appeal/", holder.get("/appeal").text, code=tried, text=text, lang=FORGED)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert {json.loads(line)["event"] for line in lines} == {"appeal_code_refused"}
    assert "forged" not in "".join(lines)


def test_an_auditor_and_an_analyst_see_the_queue_and_no_words(floor: Floor) -> None:
    suspended_floor(floor)
    app = _app(floor.runtime)
    holder = Browser(app)
    holder.post("/appeal/", holder.get("/appeal").text, code=served_code(floor), text="my private life")
    (appeal,) = list_appeals(floor.runtime.database)
    for name, reads in (("ada", False), ("bea", True), ("cem", True)):
        person = Browser(app)
        person.log_in(floor.tokens[name])
        page = person.get(f"/console/appeals?id={appeal.appeal_id}")
        assert page.status_code == 200
        assert ("my private life" in page.text) is reads
        refused = person.post("/console/appeals/decide", page.text, id=appeal.appeal_id, decision="reverse", reason="r")
        assert refused.status_code == (200 if name == "cem" else 403)
