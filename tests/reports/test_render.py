"""The page stands alone, runs nothing, can be read without seeing, and shows hostile text as text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec
import pytest

from stormwatch.ledger.checkpoint import Checkpoint
from stormwatch.model.errors import IntegrityError
from stormwatch.reports.charts import bar_chart
from stormwatch.reports.figures import Figure, Meaning, Period, commitment, overlapping, partition
from stormwatch.reports.render import to_html
from stormwatch.reports.report import FORMAT, Report, Statement, from_json, to_json
from stormwatch.reports.suppression import suppress

HOSTILE = "<script>alert(1)</script> \x1b[31m & \"quoted\" 'x' {{ 7 * 7 }} \x00\ud800"
PERIOD = Period.parse("2024-01-01", "2024-03-31")


def figure(**counts: int) -> Figure:
    meaning = Meaning(name="f", title="Accounts", unit="accounts", derivation="test/1", definition="What was counted.")
    return partition(meaning, counts)


def report(*figures: Figure, **changes: object) -> Report:
    shown = tuple(suppress(one, 5) for one in figures)
    whole = Report(
        format=FORMAT,
        provider="Example",
        software="Stormwatch 0",
        period_from=PERIOD.first,
        period_to=PERIOD.end,
        built_time="2024-04-01T00:00:00.000Z",
        minimum_count=5,
        calibrated_on=("simulated worlds",),
        figures=shown,
        commitments=tuple(commitment(one, PERIOD) for one in shown),
        checkpoint=Checkpoint("ledger-x", 7, "ab" * 32, "2024-04-01T00:00:00.000Z", "", ""),
        method=("A method.",),
        blind_spots=("A blind spot.",),
    )
    return msgspec.structs.replace(whole, **changes)


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_readers_find_words_and_dates_where_programs_find_labels_and_times() -> None:
    counts = {"tracked-actor": 40, "non-state-abuse": 12}
    page = Page(to_html(report(figure(**counts))))
    assert "abuse without a state behind it" in page.text
    assert "non-state-abuse" not in page.text
    assert "1 January 2024 to 31 March 2024, both days included (UTC)." in page.text
    part = Period(PERIOD.from_us + 1, PERIOD.to_us)
    assert "the end excluded" in Page(to_html(report(period_from=part.first))).text


def test_nothing_runs_and_nothing_is_fetched() -> None:
    page = Page(to_html(report(figure(suspend=40, limit=12))))
    assert not {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "form", "img", "link", "base"}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert not [value for name, value in attributes.items() if name in {"src", "xlink:href"} and value]
    assert [attributes["href"] for tag, attributes in page.tags if tag == "a"] == ["report.json"]


def test_the_policy_allows_the_page_its_own_style_sheet_alone() -> None:
    source = to_html(report(figure(suspend=40)))
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(a["content"] for t, a in Page(source).tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_every_chart_has_a_title_a_description_and_a_table_beside_it() -> None:
    page = Page(to_html(report(figure(suspend=40, limit=12), figure(suspend=9, limit=8))))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("svg") == tags.count("desc") == tags.count("table") == 2
    ids = {attributes.get("id") for _, attributes in page.tags}
    for tag, attributes in page.tags:
        if tag == "svg":
            assert attributes["role"] == "img"
            assert set((attributes["aria-labelledby"] or "").split()) <= ids


def test_ids_on_the_page_are_unique() -> None:
    page = Page(to_html(report(figure(suspend=40, limit=12), figure(suspend=9, limit=8))))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_suppressed_counts_appear_nowhere() -> None:
    source = to_html(report(figure(suspend=400, limit=3, watch=137)))
    assert source.count("suppressed") >= 2
    assert not re.search(r">3<|137", source)


def test_hostile_text_is_text() -> None:
    hostile = Statement(by=HOSTILE, text=HOSTILE, date=HOSTILE, source=HOSTILE)
    source = to_html(
        report(
            figure(**{HOSTILE: 40, "b": 30}),
            provider=HOSTILE,
            summary=HOSTILE,
            responses=(hostile,),
            dissents=(hostile,),
            corrections=(hostile,),
            blind_spots=(HOSTILE,),
            calibrated_on=(HOSTILE,),
        )
    )
    assert "<script" not in source
    assert "\x1b" not in source
    assert "\x00" not in source
    assert "{{ 7 * 7 }}" in Page(source).text
    source.encode()


def test_a_chart_survives_what_xml_cannot_hold() -> None:
    drawn = bar_chart(figure(**{"\x00\x1b\x7f\ud800\uffff": 7, "b": 8}), 1)
    assert drawn.startswith("<svg")
    assert drawn.endswith("</svg>")


def test_the_same_report_gives_the_same_bytes() -> None:
    assert to_html(report(figure(suspend=40, limit=12))) == to_html(report(figure(suspend=40, limit=12)))


def test_it_says_what_it_is_calibrated_on_and_what_is_missing() -> None:
    text = Page(to_html(report(figure(suspend=40)))).text
    assert "calibrated on simulated worlds" in text
    assert "None is on record for this period." in text
    assert "Nobody recorded a dissent" in text


def test_a_report_without_anything_still_renders() -> None:
    empty = overlapping(Meaning(name="f", title="t", unit="u", derivation="d/1", definition="d"), {})
    assert "<svg" not in to_html(report(empty, figure(suspend=0, limit=0)))


def test_json_reads_back_as_it_was() -> None:
    whole = report(figure(suspend=40, limit=3))
    assert from_json(to_json(whole), "x") == whole


@pytest.mark.parametrize(
    ("old", "new"), [(b'"count": 40', b'"count": 41'), (b'"format"', b'"fromat"'), (b"2024-01-01", b"2024-01-02")]
)
def test_a_changed_figure_is_noticed(old: bytes, new: bytes) -> None:
    with pytest.raises(IntegrityError):
        from_json(to_json(report(figure(suspend=40))).replace(old, new), "report.json")
