"""A figure as a bar chart: SVG made here on the server, with a title and a description for those who cannot see it."""

from __future__ import annotations

import html
from typing import Any, Final

import altair as alt
import vl_convert

from stormwatch.reports.figures import Figure
from stormwatch.reports.labels import in_words
from stormwatch.reports.plain_text import plain

_BAR: Final = "#24527a"
_INK: Final = "#1b1f24"
# As wide as its column on the page, so that letters keep their size.
_WIDTH: Final = 540


def bar_chart(figure: Figure, number: int) -> str:
    """An `<svg>` element for the figure's cells; a suppressed cell has no bar and says so. `number` keeps ids apart."""
    return _describe(vl_convert.vegalite_to_svg(_specification(figure)), figure, number)


def description(figure: Figure) -> str:
    """The chart in a sentence."""
    told = ((in_words(cell.label), "suppressed" if cell.suppressed else cell.count) for cell in figure.cells)
    parts = "; ".join(f"{label}: {count}" for label, count in told)
    return f"Bar chart of {figure.unit}. {parts}."


def _specification(figure: Figure) -> dict[str, Any]:
    rows = [
        {
            "order": order,
            "label": f"{order} {plain(in_words(cell.label))}",
            "count": cell.count or 0,
            "note": "suppressed" if cell.suppressed else f"{cell.count:,}",
        }
        for order, cell in enumerate(figure.cells)
    ]
    base = alt.Chart({"values": rows}, width=_WIDTH).encode(
        y=alt.Y(
            "label:N",
            sort=None,
            title=None,
            axis=alt.Axis(labelExpr="slice(datum.label, indexof(datum.label, ' ') + 1)", labelLimit=270, ticks=False),
        ),
        x=alt.X(
            "count:Q",
            title=plain(figure.unit),
            axis=alt.Axis(tickMinStep=1, tickCount=6, format=",d", grid=False),
        ),
    )
    bars = base.mark_bar(color=_BAR, height=16)
    notes = base.mark_text(align="left", dx=5, color=_INK).encode(text="note:N")
    chart = (
        (bars + notes)
        .properties(height=alt.Step(26), autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .configure(font="sans-serif", background="transparent")
        .configure_axis(labelFontSize=14, titleFontSize=14, titleFontWeight="normal", labelColor=_INK, titleColor=_INK)
        .configure_text(fontSize=14)
        .configure_view(stroke=None)
    )
    specification: dict[str, Any] = chart.to_dict()
    return specification


def _describe(svg: str, figure: Figure, number: int) -> str:
    head, _, rest = svg.partition(">")
    title, desc = f"chart-{number}-title", f"chart-{number}-desc"
    texts = (
        f'<title id="{title}">{html.escape(plain(figure.title))}</title>'
        f'<desc id="{desc}">{html.escape(plain(description(figure)))}</desc>'
    )
    return f'{head} role="img" aria-labelledby="{title} {desc}">{texts}{rest}'
