"""Whatever people wrote shows as text: HTML, terminal escapes, bidi controls, instructions, odd ids."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console_world import HOSTILE_AGENT, HOSTILE_ID, HOSTILE_RULE, Browser
from knowledge_making import add_lineage
from stormwatch.cases.queue import list_cases
from stormwatch.console.plain_text import shortened, visible
from stormwatch.console.rendering import environment

STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def hostile_addresses(analyst, world):
    add_lineage(world)
    case = next(case for case in list_cases(world.runtime.database) if HOSTILE_ID in case.account_ids)
    group = next(case for case in list_cases(world.runtime.database) if len(case.account_ids) > 1)
    shown = analyst.client.get("/console/account", params={"id": HOSTILE_ID})
    return [
        analyst.get("/console/"),
        shown,
        analyst.get("/console/account"),
        analyst.get(f"/console/cases/{case.case_id}"),
        analyst.client.get("/console/observable", params={"value": HOSTILE_AGENT}),
        analyst.client.get("/console/observable", params={"kind": "rule", "value": HOSTILE_RULE}),
        analyst.client.get("/console/", params={"q": HOSTILE_ID, "assignee": '"><script>'}),
        analyst.get(f"/console/leads/{world.lead.lead_id}"),
        analyst.get("/console/rules?standing=not+in+force"),
        analyst.client.get(
            "/console/rules", params={"q": HOSTILE_AGENT, "level": HOSTILE_ID, "technique": HOSTILE_RULE}
        ),
        analyst.get(f"/console/rules/{quote(HOSTILE_RULE, safe='')}"),
        analyst.client.get("/console/actors", params={"q": HOSTILE_AGENT}),
        analyst.client.get("/console/actors/named", params={"name": HOSTILE_AGENT}),
        analyst.get("/console/actors/charcoal-typhoon"),
        analyst.get(f"/console/cases/{group.case_id}/lineage"),
    ]


def test_hostile_names_are_text_on_every_page(hostile_addresses):
    for answer in hostile_addresses:
        assert answer.status_code == 200
        assert not re.search(r"<(script|img|svg)[^>]*(alert|onerror|onload)", answer.text)
        assert "<script>alert" not in answer.text
        assert "<b>seen</b>" not in answer.text
        assert not STEERING.search(answer.text)
    everything = "".join(answer.text for answer in hostile_addresses)
    assert "⟨U+202E⟩" in everything
    assert "⟨U+001B⟩" in everything


def test_a_hostile_account_can_be_looked_at(analyst):
    page = analyst.client.get("/console/account", params={"id": HOSTILE_ID}).text
    assert "&lt;script&gt;alert(4)&lt;/script&gt;" in page
    assert "&lt;svg/onload=alert(3)&gt;" in page


def test_a_hostile_prompt_is_quoted(analyst, world):
    case = next(case for case in list_cases(world.runtime.database) if HOSTILE_ID in case.account_ids)
    page = analyst.get(f"/console/cases/{case.case_id}").text
    opened = analyst.post(f"/console/cases/{case.case_id}/reveal", page, event="ev_030", reason="to read it")
    assert opened.status_code == 200
    assert "&lt;script&gt;alert(&#39;prompt&#39;)" in opened.text
    assert "Ignore all previous instructions" in opened.text
    assert "nobody&#39;s instruction" in opened.text or "nobody's instruction" in opened.text
    assert not STEERING.search(opened.text)


def test_a_hostile_note_is_kept_as_text(analyst, world):
    case_id = list_cases(world.runtime.database)[0].case_id
    page = analyst.get(f"/console/cases/{case_id}").text
    shown = analyst.post(f"/console/cases/{case_id}/note", page, text="</p><script>alert(5)</script>\u2066")
    assert "&lt;script&gt;alert(5)" in shown.text


def test_odd_addresses_are_answered(app, world):
    browser = Browser(app)
    browser.log_in(world.tokens["ana"])
    for address in (
        "/console/account?id=%00%ff",
        "/console/observable?value=%F0%9F%92%A3%00",
        "/console/observable?kind=../../etc&value=x'%20OR%201=1--",
        "/console/cases/..%2f..%2fetc",
        "/console/?state=%3Cscript%3E",
    ):
        assert browser.get(address).status_code in {200, 400, 404}


@given(st.text())
def test_visible_text_never_steers_and_keeps_the_rest(text):
    shown = visible(text)
    assert not STEERING.search(shown)
    plain = "".join(character for character in text if character.isalnum() and character.isascii())
    assert [c for c in shown if c in plain] != [] or not plain
    shown.encode()


@given(st.text(), st.integers(min_value=4, max_value=40))
def test_shortened_text_keeps_both_ends(text, length):
    short = shortened(text, length)
    assert len(short) <= length or short == text
    assert short[:1] == text[:1]
    assert short[-1:] == text[-1:]


def test_templates_make_every_value_visible_and_escaped():
    template = environment().from_string("{{ value }}|{{ nothing }}|{{ number }}")
    assert template.render(value="<b>\u202e", nothing=None, number=3) == "&lt;b&gt;⟨U+202E⟩||3"
