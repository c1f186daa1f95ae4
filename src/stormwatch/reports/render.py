"""A report as one HTML file that carries everything with it: charts inline, no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined

from stormwatch.model.times import DAY, from_us, parse_rfc3339
from stormwatch.reports.charts import bar_chart
from stormwatch.reports.figures import Figure, Period
from stormwatch.reports.labels import in_words
from stormwatch.reports.plain_text import plain
from stormwatch.reports.report import Report


def to_html(report: Report) -> str:
    """The page. Everything that people wrote is escaped; the policy allows this page's own style sheet alone."""
    style = _text("report.css")
    policy = f"default-src 'none'; style-src 'sha256-{_hash(style)}'; base-uri 'none'; form-action 'none'"
    template = _environment().from_string(_text("report.html.j2"))
    charts = [_chart(figure, number) for number, figure in enumerate(report.figures, start=1)]
    return template.render(
        report=report,
        charts=charts,
        period=_in_words(report.period),
        built=_day(parse_rfc3339(report.built_time)),
        style=style,
        policy=policy,
    )


def _in_words(period: Period) -> str:
    """Whole days by their dates, the last included; any other period by its exact times."""
    if period.from_us % DAY or period.to_us % DAY:
        return f"{period.first} to {period.end}, the end excluded"
    return f"{_day(period.from_us)} to {_day(period.to_us - DAY)}, both days included (UTC)"


def _day(time_us: int) -> str:
    moment = from_us(time_us)
    return f"{moment.day} {moment:%B %Y}"


def _chart(figure: Figure, number: int) -> str:
    """The figure's chart where there is something to compare, else nothing."""
    worth_drawing = len(figure.cells) > 1 and any(cell.count for cell in figure.cells)
    return bar_chart(figure, number) if worth_drawing else ""


@cache
def _environment() -> Environment:
    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_without_controls
    )
    made.filters["in_words"] = in_words
    return made


def _without_controls(value: object) -> object:
    return plain(value) if type(value) is str else value


def _text(name: str) -> str:
    return resources.files("stormwatch.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
