"""A report as one HTML file that carries everything with it: charts inline, no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined

from stormwatch.reports.charts import bar_chart
from stormwatch.reports.figures import Figure
from stormwatch.reports.plain_text import plain
from stormwatch.reports.report import Report


def to_html(report: Report) -> str:
    """The page. Everything that people wrote is escaped; the policy allows this page's own style sheet alone."""
    style = _text("report.css")
    policy = f"default-src 'none'; style-src 'sha256-{_hash(style)}'; base-uri 'none'; form-action 'none'"
    template = _environment().from_string(_text("report.html.j2"))
    charts = [_chart(figure, number) for number, figure in enumerate(report.figures, start=1)]
    return template.render(report=report, charts=charts, style=style, policy=policy)


def _chart(figure: Figure, number: int) -> str:
    """The figure's chart where there is something to compare, else nothing."""
    worth_drawing = len(figure.cells) > 1 and any(cell.count for cell in figure.cells)
    return bar_chart(figure, number) if worth_drawing else ""


@cache
def _environment() -> Environment:
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_without_controls
    )


def _without_controls(value: object) -> object:
    return plain(value) if type(value) is str else value


def _text(name: str) -> str:
    return resources.files("stormwatch.reports").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
