"""What people see: evidence beside its innocent reading, words instead of numbers, why an account is not a case."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from made_grounds import grounds, piece, tie
from stormwatch.attribution.estimative_language import faults_in_html
from stormwatch.attribution.grounds import grounds_table
from stormwatch.cases.queue import list_cases


def case_id(world, account="acct_01_group"):
    return next(case.case_id for case in list_cases(world.runtime.database) if account in case.account_ids)


class Outline(HTMLParser):
    """Elements, ids, label targets and inline code of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.ids, self.labelled, self.fields, self.inline = [], [], set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "label":
            self.labelled.add(given.get("for"))
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden":
            self.fields.append(given)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


@pytest.fixture
def addresses(world):
    return [
        "/console/",
        "/console/?state=all",
        "/console/?queue=tracked-actors&due=over&order=due",
        f"/console/cases/{case_id(world)}",
        f"/console/cases/{case_id(world)}/similar",
        "/console/leads",
        f"/console/leads/{world.lead.lead_id}",
        "/console/account",
        "/console/account?id=acct_loner",
        "/console/observable",
        "/console/observable?kind=address&value=203.0.113.77",
        "/console/people",
        "/console/outbox",
        f"/console/cases/{case_id(world)}/plan",
        f"/console/cases/{case_id(world)}/plan?embargo=2030-01-01T10:00",
    ]


def test_every_page_says_what_likelihoods_are_calibrated_on_and_offers_no_closed_door(analyst, addresses):
    for address in addresses:
        text = analyst.get(address).text
        assert "calibrated on simulated worlds" in text, address
        assert "/console/audit" not in text, address


def test_every_page_is_well_built(analyst, addresses):
    for address in addresses:
        answer = analyst.get(address)
        assert answer.status_code == 200, address
        outline = Outline(answer.text)
        assert outline.tags.count("h1") == 1, address
        assert {"header", "main", "footer", "nav"} <= set(outline.tags), address
        assert len(outline.ids) == len(set(outline.ids)), address
        assert outline.inline == [], address
        unnamed = [f for f in outline.fields if f.get("id") not in outline.labelled and not f.get("aria-label")]
        assert unnamed == [], address


def test_queue_shows_cases_by_risk_in_words(analyst):
    page = analyst.get("/console/").text
    assert "very likely" in page
    assert "0.93" not in page
    assert "93%" not in page
    assert page.index("very likely") < page.index(">likely")  # the highest risk first


def test_queue_filters_are_in_the_address(analyst, world):
    assert "No case is in this view" in analyst.get("/console/?state=closed").text
    assert "1 case<" in analyst.get("/console/?q=acct_02_group").text


def test_case_shows_innocent_explanations_hypotheses_and_graph(analyst, world):
    page = analyst.get(f"/console/cases/{case_id(world)}").text
    assert "used an address that a lead names" in page
    assert "a scheduled job, or an address that changed hands" in page
    assert "about 1 in 250 accounts" in page
    assert "Charcoal Typhoon" in page
    assert "Confidence in this assessment is moderate." in page
    assert "simulated worlds" in page
    assert page.count("<circle") >= 6 + 1  # the six accounts and the mark in the head
    assert 'class="edge edge-firm"' in page
    assert page.count('tabindex="0"') == 1


def test_likelihood_and_confidence_never_share_a_sentence(analyst, addresses):
    for address in addresses:
        assert [found.told() for found in faults_in_html(analyst.get(address).text)] == [], address


def test_case_shows_why_as_a_table_that_can_be_read_without_seeing(analyst, world):
    made = grounds([tie("charcoal-typhoon", "<b>x</b>", "<i>Peer</i>", 12.0), piece("machine-tempo", "conduct", 3.0)],
                   scripts={"Hans": 1.0})  # fmt: skip
    world.runtime.lake.replace("assessment_grounds", grounds_table([replace(made, subject_id="cluster-1")]))
    page = analyst.get(f"/console/cases/{case_id(world)}").text
    section = page[page.index('id="analysis"') : page.index('id="writeup"')]
    assert "<caption>Evidence against competing hypotheses</caption>" in section
    table = section[section.index("<table ") : section.index("</table>")]
    assert table.count('scope="col"') == 2 + 4 + 3
    assert table.count('scope="row"') == table.count("<tr>") - 1
    assert "contradicts, very strong" in table
    assert "fits, very strong" in table
    assert "Another hypothesis comes first" in section
    assert "Earth Lusca" in section
    assert "simulated worlds" in section
    assert "Profiles or base rates changed" in section  # the world's hypotheses are not those of these grounds
    assert "&lt;b&gt;x&lt;/b&gt;" in section
    assert "<i>Peer" not in section
    assert not re.search(r"\d ?%|0\.\d", section)
    assert [found.told() for found in faults_in_html(page)] == []


def test_account_answers_why_not(analyst):
    page = analyst.get("/console/account?id=acct_loner").text
    assert "Why this is not a case" in page
    assert "very unlikely" in page
    assert "independent piece of evidence below the threshold" in page
    assert "no: depends on machine-tempo, which counts" in page
    assert "no: too weak, a link holds from roughly even chance" in page
    assert "freemail domains (built in)" in page


def test_account_of_nobody_says_so(analyst):
    page = analyst.get("/console/account?id=never-seen").text
    assert "The lake holds nothing on this account" in page


def test_pivot_finds_accounts_by_connection_sign_up_and_prompt(analyst):
    page = analyst.get("/console/observable?kind=ipv4-addr&value=203.0.113.77").text
    assert "acct_01_group" in page
    assert "acct_loner" in page  # by its sign-up alone
    assert "connection" in page
    assert "sign-up" in page
    assert "Example Peer" in page  # the lead's indicator
    assert "acct_01_group" in analyst.get("/console/observable?value=c2.example.net").text
    assert "acct_01_group" in analyst.get("/console/observable?kind=rule&value=scripting-debug").text
    assert "This is also the id of an account" in analyst.get("/console/observable?value=acct_loner").text


def test_pivot_names_shared_infrastructure(analyst):
    page = analyst.get("/console/observable?kind=domain&value=gmail.com").text
    assert "Shared infrastructure: freemail domains (built in)" in page


def test_lead_shows_what_its_search_found(analyst, world):
    page = analyst.get(f"/console/leads/{world.lead.lead_id}").text
    assert "2 accounts" in page
    assert "acct_01_group" in page
    assert "B2" in page
    assert "TLP:AMBER" in page
    assert "search our own accounts" in page


def test_what_is_not_there_is_404(analyst):
    for address in ("/console/cases/case-none", "/console/leads/lead-none", "/console/nothing"):
        answer = analyst.get(address)
        assert answer.status_code == 404
        assert 'role="alert"' in answer.text


def test_a_broken_cursor_is_explained(analyst):
    answer = analyst.get("/console/?after=%7Bnonsense")
    assert answer.status_code == 400
    assert "cursor" in answer.text
