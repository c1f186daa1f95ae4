"""An evaluation as one HTML file that carries everything with it: charts inline, no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from jinja2 import Environment, StrictUndefined
from msgspec.structs import asdict

import stormwatch
from stormwatch.evaluate.charts import precision_recall_chart, recall_chart, reliability_chart
from stormwatch.evaluate.curves import curves
from stormwatch.evaluate.evaluation import Evaluation
from stormwatch.evaluate.headline import Pool
from stormwatch.evaluate.scorecard import ScoreCard
from stormwatch.evaluate.wording import COUNTS, FIGURES, number_words, swap_words
from stormwatch.reports.plain_text import plain


def evaluation_page(found: Evaluation) -> str:
    """The page. Names are escaped; the policy allows this page's own style sheet alone."""
    style, whole = _text("evaluation.css"), found.whole
    lines = curves(Pool(found.worlds))
    return (
        _environment()
        .from_string(_text("evaluation.html.j2"))
        .render(
            version=stormwatch.__version__,
            names=", ".join(card.name for card in found.cards),
            policy=f"default-src 'none'; style-src 'sha256-{_hash(style)}'; base-uri 'none'; form-action 'none'",
            style=style,
            whole=whole,
            cards=[_as_table(card) for card in found.all_cards],
            figures=FIGURES,
            counts=COUNTS,
            precision_recall=precision_recall_chart(lines),
            recall=recall_chart(lines, whole.counts.innocents),
            risk_reliability=reliability_chart(whole.risk_reliability, "Calibration of risk", "risk"),
            hypothesis_reliability=reliability_chart(
                whole.hypothesis_reliability, "Calibration of the hypotheses", "hypotheses"
            ),
        )
    )


def _as_table(card: ScoreCard) -> dict[str, object]:
    """The card with its figures and counts by name, which is how the template's tables go through them."""
    return {**asdict(card), "figures": asdict(card.figures), "counts": asdict(card.counts)}


def _environment() -> Environment:
    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_without_controls
    )
    made.filters["number"] = number_words
    made.filters["swap"] = swap_words
    return made


def _without_controls(value: object) -> object:
    return plain(value) if type(value) is str else value


def _text(name: str) -> str:
    return resources.files("stormwatch.evaluate").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
