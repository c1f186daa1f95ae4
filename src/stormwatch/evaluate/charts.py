"""Curves and bins as charts: SVG made here, with a title and a description for those who cannot see it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import altair as alt
import vl_convert

from stormwatch.evaluate.curves import PRODUCT, Curve
from stormwatch.evaluate.reliability import Reliability

_INK: Final = "#1b1f24"
_WIDTH: Final = 560
_HEIGHT: Final = 320
# Where a log axis shows "none": left of the fewest false accusations that one can tell from none.
_NONE: Final = 0.1
# Told apart by colour and by dash, the product by a heavier line.
_COLOURS: Final = ("#24527a", "#b3541e", "#3d7a3d", "#7a3d75", "#8a6d00")
_DASHES: Final = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2), (4, 4))

_Rows = list[Mapping[str, Any]]
_Steps = Literal["step-before", "step-after"]


def precision_recall_chart(found: Sequence[Curve]) -> str:
    """Precision over recall, in steps as the average precision adds them up."""
    rows: _Rows = [
        {"series": curve.name, "x": point.recall, "y": point.precision, "order": number}
        for curve in found
        for number, point in enumerate(curve.points)
    ]
    chart = _lines(rows, found, alt.X("x:Q", title="recall", scale=_unit()), "precision", "step-before")
    return _svg(chart, "Precision and recall", _told(found), "precision-recall")


def recall_chart(found: Sequence[Curve], innocents: int) -> str:
    """Recall over false accusations in 10,000 innocents, on a log axis; its left edge stands for none."""
    per = 10_000 / max(innocents, 1)
    rows: _Rows = [
        {"series": curve.name, "x": x, "y": recall, "order": number}
        for curve in found
        for number, (x, recall) in enumerate(_from_none(curve, per))
    ]
    axis = alt.Axis(
        values=[0.1, 1, 10, 100, 1_000, 10_000], labelExpr="datum.value < 0.5 ? 'none' : format(datum.value, ',')"
    )
    scale = alt.Scale(type="log", domain=[_NONE, 10_000], clamp=True)
    x = alt.X("x:Q", title="false accusations in 10,000 innocents", scale=scale, axis=axis)
    chart = _lines(rows, found, x, "recall", "step-after")
    return _svg(chart, "Recall against false accusations", _told(found), "recall")


def _from_none(curve: Curve, per: float) -> Iterator[tuple[float, float]]:
    yield _NONE, max((point.recall for point in curve.points if point.false_accusations == 0), default=0.0)
    for point in curve.points:
        if point.false_accusations > 0:
            yield max(point.false_accusations * per, _NONE), point.recall


def _lines(rows: _Rows, found: Sequence[Curve], x: alt.X, y_title: str, interpolate: _Steps) -> Any:
    names = [curve.name for curve in found]
    widths = [3.0 if name == PRODUCT else 1.5 for name in names]
    legend = alt.Legend(title=None, orient="bottom", labelLimit=200, symbolStrokeWidth=2)
    return (
        alt.Chart({"values": rows}, width=_WIDTH, height=_HEIGHT)
        .mark_line(interpolate=interpolate)
        .encode(
            x=x,
            y=alt.Y("y:Q", title=y_title, scale=_unit()),
            order="order:Q",
            color=alt.Color("series:N", scale=alt.Scale(domain=names, range=_COLOURS[: len(names)]), legend=legend),
            strokeDash=alt.StrokeDash("series:N", scale=alt.Scale(domain=names, range=_DASHES[: len(names)])),
            strokeWidth=alt.StrokeWidth("series:N", scale=alt.Scale(domain=names, range=widths), legend=None),
        )
    )


def reliability_chart(told: Reliability, title: str, key: str) -> str:
    """Share that was true over the probability that was said, a point per bin, larger with more statements."""
    rows = [{"said": one.mean_probability, "true": one.share_true, "statements": one.statements} for one in told.bins]
    diagonal = (
        alt.Chart({"values": [{"said": 0.0, "true": 0.0}, {"said": 1.0, "true": 1.0}]})
        .mark_line(strokeDash=[4, 4], color="#777")
        .encode(x="said:Q", y="true:Q")
    )
    points = (
        alt.Chart({"values": rows})
        .mark_point(filled=True, color=_COLOURS[0], opacity=0.9)
        .encode(
            x=alt.X("said:Q", title="probability that was said", scale=_unit()),
            y=alt.Y("true:Q", title="share that was true", scale=_unit()),
            size=alt.Size("statements:Q", scale=alt.Scale(type="log", range=[40, 400]), legend=None),
        )
    )
    chart = (diagonal + points).properties(width=_HEIGHT, height=_HEIGHT)
    bins = "; ".join(
        f"said {one.mean_probability:.2f}, true {one.share_true:.2f} ({one.statements} statements)" for one in told.bins
    )
    return _svg(chart, title, bins, key)


def _unit() -> alt.Scale:
    return alt.Scale(domain=[0, 1])


def _told(found: Sequence[Curve]) -> str:
    """Each curve's recall before its first false accusation, and how many it finds at all."""
    parts = (
        f"{curve.name}: recall {next(_from_none(curve, 1.0))[1]:.3f} before the first false accusation"
        for curve in found
    )
    return "; ".join(parts)


def _svg(chart: Any, title: str, description: str, key: str) -> str:
    specification = (
        chart.configure(font="sans-serif", background="transparent")
        .configure_axis(labelFontSize=13, titleFontSize=13, titleFontWeight="normal", labelColor=_INK, titleColor=_INK)
        .configure_legend(labelFontSize=13)
        .to_dict()
    )
    head, _, rest = vl_convert.vegalite_to_svg(specification).partition(">")
    texts = (
        f'<title id="{key}-title">{html.escape(title)}</title><desc id="{key}-desc">{html.escape(description)}</desc>'
    )
    return f'{head} role="img" aria-labelledby="{key}-title {key}-desc">{texts}{rest}'
