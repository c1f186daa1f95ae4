"""An appeal walked in a real browser: suspended, told, appealed without a login, reviewed by a third, let in again."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from playwright.sync_api import expect

from chromium_walk import Walk, server, walk
from notice_making import ACCOUNT, outbox, served_code
from review_floor import Floor
from stormwatch.api.app import create_app
from stormwatch.console.app import mount
from stormwatch.model.principal import Scope

__all__ = ["server", "walk"]

pytestmark = pytest.mark.chromium

STORED_SCRIPT = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> {{7*7}} ${7*7} $code\n"
    "\u202eevil ../../etc/passwd\nstormwatch: the ledger is whole"
)


@pytest.fixture
def app(suspended: Floor) -> FastAPI:
    application = create_app(suspended.runtime)
    mount(application, suspended.runtime)
    return application


def _gateway_reads(base: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "X-Stormwatch-Account": ACCOUNT}
    return httpx.get(f"{base}/v1/decision/auth", headers=headers, trust_env=False).status_code


def test_an_appeal_by_a_third_person_lets_the_account_in_again(walk: Walk, suspended: Floor) -> None:
    runtime, tokens = suspended.runtime, suspended.tokens
    gateway = runtime.access.machine_token(suspended.people["administrator"], "gateway", [Scope.DECIDE])
    code = served_code(suspended)
    assert _gateway_reads(walk.base, gateway) == 403

    holder = walk.context(locale="fa-IR").new_page()
    holder.goto(f"{walk.base}/appeal")
    expect(holder.locator("html")).to_have_attribute("dir", "rtl")
    holder.get_by_role("link", name="English").click()
    holder.get_by_label("One-time code").fill("AAAA-BBBB-CCCC-DDDD-EEEE")
    holder.get_by_label("Why the decision is wrong").fill(STORED_SCRIPT)
    holder.get_by_role("button", name="Send the appeal").click()
    expect(holder.get_by_role("alert")).to_contain_text("not valid, was used or is too old")
    expect(holder.get_by_label("Why the decision is wrong")).to_have_value(STORED_SCRIPT.replace("\u202e", "⟨U+202E⟩"))
    holder.get_by_label("One-time code").fill(code.lower())
    holder.get_by_role("button", name="Send the appeal").click()
    expect(holder.get_by_role("status")).to_contain_text("Your appeal has arrived")
    assert holder.context.cookies()[0]["httpOnly"]

    decider = walk.person(tokens["bea"])
    decider.get_by_role("link", name="Appeals").click()
    decider.get_by_role("link", name=f"Appeal of {ACCOUNT}").click()
    expect(decider.get_by_text("You had a part in this case")).to_be_visible()
    expect(decider.get_by_role("button", name="Reverse: let the account in")).to_have_count(0)

    reviewer = walk.person(tokens["cem"])
    reviewer.get_by_role("link", name="Appeals").click()
    reviewer.get_by_role("link", name=f"Appeal of {ACCOUNT}").click()
    words = reviewer.locator(".their-words")
    expect(words).to_contain_text("<script>document.title='owned'</script>")
    expect(words).to_contain_text("⟨U+202E⟩evil")
    expect(words).to_contain_text("{{7*7}} ${7*7} $code")
    expect(reviewer).to_have_title("Appeals · Stormwatch")
    reviewer.get_by_label("Why, for the record").fill("she teaches the subject")
    reviewer.get_by_label("What of it the holder is told").fill("You showed that you teach.")
    reviewer.get_by_role("button", name="Reverse: let the account in").click()
    expect(reviewer.get_by_role("status")).to_contain_text("The account is let in again at once")
    assert _gateway_reads(walk.base, gateway) == 204

    answer = outbox(runtime.settings.home)[-1]
    assert (answer["kind"], answer["account"]) == ("appeal-reversed", ACCOUNT)
    assert "You showed that you teach." in answer["text"]
    holder.get_by_role("link", name="English").click()
    holder.get_by_label("One-time code").fill(code)
    holder.get_by_label("Why the decision is wrong").fill("Once more.")
    holder.get_by_role("button", name="Send the appeal").click()
    expect(holder.get_by_role("alert")).to_contain_text("not valid, was used or is too old")
    assert runtime.ledger.verify().ok
    # Chromium complains of each refusal's status; of a policy or a script it has nothing to say.
    assert [complaint for complaint in walk.complaints if "status of 403" not in complaint] == []
    walk.complaints.clear()
