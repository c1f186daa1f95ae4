"""The rules page lists what is in force with what it hit; a rule's page says whom it should not have hit."""

from __future__ import annotations

from pathlib import Path

import pytest

from console_world import GROUP, HOSTILE_ID, HOSTILE_RULE, MOMENT, Browser, World
from knowledge_making import OWN_RULE, RULE_FILE, SHIPPED_RULE, add_hits
from stormwatch.attribution.estimative_language import faults_in_html
from stormwatch.cases.outcomes import Outcome, record_outcomes
from stormwatch.console.day_chart import HEIGHT, WIDTH, day_chart
from stormwatch.console.rule_list import Order, RuleQuery, chosen, rule_lines


def test_rules_are_listed_with_what_they_hit_and_filtered_by_the_address(analyst: Browser, world: World) -> None:
    add_hits(world, SHIPPED_RULE)
    page = analyst.get("/console/rules").text
    first = page[page.index("<tbody>") :]
    assert "Attack tools run through tool calls" in first[: first.index("</tr>")]  # it fired most
    assert ">9</td>" in first[: first.index("</tr>")]  # two, three and four hits
    assert "hits are of another" in first[: first.index("</tr>")]  # version 1 is not that of the file
    assert 'rel="next"' in page
    assert analyst.get("/console/rules?fired=yes&kind=rule&standing=active").text.count('<th scope="row">') == 1
    assert "1 rule<" in analyst.get("/console/rules?q=attack+tools+run").text
    assert "No rule is in this view" in analyst.get("/console/rules?q=no+rule+speaks+of+this").text
    assert "4 rules<" in analyst.get("/console/rules?fired=yes").text  # two that are gone, and an indicator
    assert "Machine tempo" in analyst.get("/console/rules?kind=detector").text
    assert "scripting-debug" in analyst.get("/console/rules?standing=not+in+force").text


def test_pages_of_rules_give_each_once_and_in_order(analyst: Browser, world: World) -> None:
    lines = chosen(rule_lines(world.runtime), RuleQuery(order=Order.TITLE))
    titles = [line.title.casefold() for line in lines]
    assert titles == sorted(titles)
    page, seen = analyst.get("/console/rules?order=title").text, 0
    while True:
        seen += page.count('<th scope="row">')
        if 'rel="next"' not in page:
            break
        address = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        page = analyst.get(address).text
    assert seen == len(lines) > 130


@pytest.mark.parametrize("address", ["order=nonsense&fired=maybe", "level=%3Cscript%3E", "technique=%00"])
def test_a_query_that_means_nothing_is_answered(analyst: Browser, address: str) -> None:
    answer = analyst.get(f"/console/rules?{address}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text


def test_a_rule_shows_its_file_its_history_and_whom_it_hit(analyst: Browser, world: World) -> None:
    add_hits(world, SHIPPED_RULE)
    page = analyst.get(f"/console/rules/{SHIPPED_RULE}").text
    assert "The model calls tools with commands of scanners" in page
    assert "condition: (scanners or intrusion) and not lab" in page
    assert "<code>agents/attack-commands-in-tool-calls.yml</code>, with test events beside it" in page
    assert "Red teams, security products that call a model" in page
    assert "2026-02-04" in page  # the last of three days
    assert page.count("<rect ") == 3
    assert GROUP[0] in page
    assert "very likely" in page  # how the account stands, in words
    assert "93%" not in page
    assert "LLM-15" in page
    assert "Try it on history" not in page  # that is for detection engineers
    assert [found.told() for found in faults_in_html(page)] == []


def test_known_benign_accounts_are_told_apart(analyst: Browser, world: World) -> None:
    add_hits(world, SHIPPED_RULE)
    page = analyst.get(f"/console/rules/{SHIPPED_RULE}").text
    assert "it hit nobody" in page
    with world.runtime.database.write() as connection:
        record_outcomes(connection, [GROUP[1]], "case-1", Outcome.CLEARED, MOMENT)
        record_outcomes(connection, ["acct_elsewhere"], "case-1", Outcome.CLEARED, MOMENT)
    page = analyst.get(f"/console/rules/{SHIPPED_RULE}").text
    benign = page[page.index('id="benign"') : page.index('id="accounts"')]
    assert GROUP[1] in benign
    assert "cleared" in benign
    assert GROUP[0] not in benign
    assert "acct_elsewhere" not in page


def test_a_rule_that_no_file_holds_any_more_is_told_so(analyst: Browser) -> None:
    page = analyst.get("/console/rules/scripting-debug").text
    assert "No file holds this rule any more" in page
    assert GROUP[0] in page
    hostile = analyst.client.get("/console/rules/%3Csvg%2Fonload%3Dalert%283%29%3E")
    assert hostile.status_code == 200
    assert HOSTILE_RULE not in hostile.text
    assert analyst.get("/console/rules/never-was").status_code == 404


def test_a_rule_of_ones_own_is_in_force_when_its_file_is_there(analyst: Browser, world: World, tmp_path: Path) -> None:
    folder = tmp_path / "own-rules"
    folder.mkdir()
    object.__setattr__(world.runtime, "settings", world.runtime.settings.model_copy(update={"rules": (folder,)}))
    assert analyst.get(f"/console/rules/{OWN_RULE}").status_code == 404
    (folder / "traces.yml").write_text(RULE_FILE, encoding="utf-8")
    page = analyst.get(f"/console/rules/{OWN_RULE}").text
    assert "Of your own: <code>traces.yml</code>, without test events" in page
    assert str(tmp_path) not in page
    (folder / "traces.yml").write_text(RULE_FILE + "shadow: true\n", encoding="utf-8")
    assert "In shadow: its hits are recorded" in analyst.get(f"/console/rules/{OWN_RULE}").text
    (folder / "broken.yml").write_text("title: [", encoding="utf-8")
    assert "1 fault in rule files" in analyst.get("/console/rules").text


def test_a_rule_is_one_click_from_wherever_it_is_named(analyst: Browser, world: World) -> None:
    account = analyst.client.get("/console/account", params={"id": GROUP[0]}).text
    assert 'href="/console/rules/scripting-debug"' in account
    pivot = analyst.get("/console/observable?kind=rule&value=scripting-debug").text
    assert 'href="/console/rules/scripting-debug"' in pivot
    hostile = analyst.client.get("/console/account", params={"id": HOSTILE_ID}).text
    assert 'href="/console/rules/%3Csvg%2Fonload%3Dalert%283%29%3E"' in hostile


def test_bars_stand_on_the_canvas_and_a_single_hit_is_seen() -> None:
    assert day_chart({}) is None
    chart = day_chart({20_000: 1, 20_003: 1000})
    assert chart is not None
    assert [bar.count for bar in chart.bars] == [1, 1000]
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH and bar.y >= 0 for bar in chart.bars)
    assert chart.bars[0].height >= 3
    assert chart.bars[1].height == HEIGHT
    long = day_chart(dict.fromkeys(range(20_000, 20_200), 5))
    assert long is not None
    assert (len(long.bars), long.last) == (60, 20_199)
