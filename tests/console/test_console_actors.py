"""An actor's page is what sources say of a group, with their names and conflicts, and where it is weighed, in words."""

from __future__ import annotations

import re

from sqlalchemy import insert

from console_world import GROUP, Browser, World, assessment, put
from stormwatch.attribution.estimative_language import faults_in_html, text_of_html
from stormwatch.cases.queue import list_cases
from stormwatch.storage.tables.intel import intel_actor_names, intel_actors, intel_collections


def add_catalogue(world: World, rows: dict[str, tuple[str, ...]]) -> None:
    """A catalogue of which each entry has these names, the first being its main one."""
    with world.runtime.database.write() as connection:
        collection = {"collection": "galaxy", "source": "A galaxy", "version": "12", "dated": "2026-01-31"}
        connection.execute(
            insert(intel_collections), [{**collection, "file": "galaxy.json", "sha256": "0", "imported_us": 0}]
        )
        for key, names in rows.items():
            entry = {"actor_key": key, "collection": "galaxy", "name": names[0], "source": "A galaxy"}
            connection.execute(insert(intel_actors), [{**entry, "external_id": f"X-{key}", "dated": None}])
            connection.execute(
                insert(intel_actor_names), [{"actor_key": key, "name": name, "citation": None} for name in names]
            )


def test_the_list_says_where_each_is_weighed_and_which_leads_name_it(analyst: Browser) -> None:
    page = analyst.get("/console/actors").text
    row = page[page.index("Charcoal Typhoon") :]
    cells = re.findall(r'class="number">([\d,]+)<', row[: row.index("</tr>")])
    assert cells == ["1", "2", "3"]  # one lead; first in two assessments, weighed in all three
    assert "Forest Blizzard" not in analyst.get("/console/actors?q=charcoal").text
    assert "No tracked actor is in this view" in analyst.get("/console/actors?q=nobody+at+all").text


def test_a_profile_is_shown_with_the_source_of_every_fact(analyst: Browser) -> None:
    page = analyst.get("/console/actors/forest-blizzard").text
    assert "Russian military intelligence" in page
    assert "STRONTIUM" in page
    assert 'href="#source-ms24"' in page
    assert 'id="source-ms24"' in page
    assert "2024-02-14" in page
    assert "an excerpt" in page
    assert "transport logistics" in page
    assert "LLM-informed reconnaissance" in page
    assert "UTC+3" in page
    assert "inferred from the country" in page
    assert "None raises the risk of an account" in page
    assert analyst.get("/console/actors/nobody").status_code == 404


def test_names_in_catalogues_and_their_conflicts_are_shown(analyst: Browser, world: World) -> None:
    add_catalogue(
        world, {"a": ("APT28", "Fancy Bear", "Pawn <b>Storm</b>"), "b": ("Sofacy", "STRONTIUM", "Fancy Bear")}
    )
    page = analyst.get("/console/actors/forest-blizzard").text
    names = page[page.index('id="names"') : page.index('id="facts"')]
    assert "X-a" in names
    assert "Pawn &lt;b&gt;Storm&lt;/b&gt;" in names
    assert "12, 2026-01-31" in names
    assert "A galaxy gives the name Fancy Bear to several entries: APT28, Sofacy." in names


def test_where_an_actor_is_weighed_is_told_in_words_apart_from_confidence(analyst: Browser, world: World) -> None:
    page = analyst.get("/console/actors/charcoal-typhoon").text
    section = page[page.index('id="weighed"') : page.index('id="leads"')]
    case = next(one for one in list_cases(world.runtime.database) if GROUP[0] in one.account_ids)
    assert f'href="/console/cases/{case.case_id}"' in section
    assert "cluster-1" in section
    assert "no case" in section  # the loner's assessment is below the threshold
    assert "likely" in section
    assert "moderate confidence" in section
    assert not re.search(r"\d ?%|0\.\d", text_of_html(section))
    assert [found.told() for found in faults_in_html(page)] == []
    leads = page[page.index('id="leads"') :]
    assert world.lead.lead_id in leads


def test_an_actor_with_hardly_a_chance_is_weighed_nowhere(analyst: Browser, world: World) -> None:
    put(world.runtime, "assessments", [assessment("acct_x", ["acct_x"], 0.04, [])])
    assert "In no assessment of the last hunt" in analyst.get("/console/actors/charcoal-typhoon").text


def test_numbers_stand_beside_the_words_once_they_are_calibrated_on_cases(analyst: Browser, world: World) -> None:
    row = assessment("acct_x", ["acct_x"], 0.8, []) | {"calibrated_on": "adjudicated cases"}
    put(world.runtime, "assessments", [row])
    assert "likely (56%)" in analyst.get("/console/actors/charcoal-typhoon").text


def test_many_assessments_come_page_by_page(analyst: Browser, world: World) -> None:
    rows = [assessment(f"acct_{n:03d}", [f"acct_{n:03d}"], 0.9 - n / 1000, []) for n in range(70)]
    put(world.runtime, "assessments", rows)
    page = analyst.get("/console/actors/charcoal-typhoon").text
    address = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = analyst.get(address).text
    shown = [set(re.findall(r"id=(acct_\d+)", text)) for text in (page, second)]
    assert (len(shown[0]), len(shown[1]), shown[0] & shown[1]) == (50, 20, set())


def test_a_name_leads_to_its_actor_or_says_what_it_may_mean(analyst: Browser, world: World) -> None:
    lead = analyst.get(f"/console/leads/{world.lead.lead_id}").text
    assert 'href="/console/actors/named?name=Charcoal+Typhoon"' in lead
    assert "<h1>Charcoal Typhoon</h1>" in analyst.get("/console/actors/named?name=Charcoal+Typhoon").text
    assert "<h1>Forest Blizzard</h1>" in analyst.get("/console/actors/named?name=apt-28").text
    unknown = analyst.get("/console/actors/named?name=%3Cscript%3Ealert(9)").text
    assert "No profile and no imported catalogue knows this name" in unknown
    assert "<script>alert(9)" not in unknown
    add_catalogue(world, {"a": ("Gull", "Tern"), "b": ("Tern", "Skua")})
    several = analyst.get("/console/actors/named?name=tern").text
    assert "A galaxy gives it to several entries: Gull, Tern." in several


def test_an_actor_is_one_click_from_wherever_it_is_named(analyst: Browser, world: World) -> None:
    case = next(one for one in list_cases(world.runtime.database) if GROUP[0] in one.account_ids)
    page = analyst.get(f"/console/cases/{case.case_id}").text
    hypotheses = page[page.index('id="hypotheses"') : page.index('id="evidence"')]
    assert 'href="/console/actors/charcoal-typhoon"' in hypotheses
    assert 'href="/console/actors/benign"' not in hypotheses
    evidence = page[page.index('id="evidence"') : page.index('id="links"')]
    assert 'href="/console/actors/charcoal-typhoon"' in evidence
    pivot = analyst.get("/console/observable?value=203.0.113.77").text
    assert 'href="/console/actors/named?name=Charcoal+Typhoon"' in pivot
