"""No text of ours puts a likelihood and a confidence into one sentence; the linter finds those that do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormwatch.attribution.estimative_language import Fault, Finding, faults, faults_in_html
from stormwatch.model.icd_203 import likelihood_ranges

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "stormwatch"
# The table of ICD 203 itself has both rows.
_THE_TABLE = SOURCE / "model" / "icd_203.yaml"
LIKELIHOODS = st.sampled_from([words for one in likelihood_ranges() for words in (one.words, one.also)]).filter(
    lambda words: words != "remote"
)
CONFIDENCES = st.sampled_from(["low confidence", "moderate confidence", "High Confidence", "We are confident"])
FILLING = st.sampled_from([" that ", ", and ", ": ", "; ", " (", "\n", " - "])


@given(LIKELIHOODS, CONFIDENCES, FILLING, st.booleans())
def test_both_in_one_sentence_are_found_in_any_order(odds: str, confidence: str, between: str, turned: bool) -> None:
    first, second = (confidence, odds) if turned else (odds, confidence)
    found = list(faults(f"All is well.\n\nIt is {first}{between}{second} so. All is well."))
    assert [(one.line, one.fault) for one in found] == [(3, Fault.LIKELIHOOD_WITH_CONFIDENCE)]


@given(LIKELIHOODS, CONFIDENCES, st.sampled_from([". ", "! ", "? ", "\n\n", "\n- ", "\n  ", "\n| ", " | ", "。"]))
def test_two_sentences_are_two_judgements(odds: str, confidence: str, between: str) -> None:
    assert list(faults(f"It is {odds}{between}Ground: {confidence}.")) == []


@pytest.mark.parametrize(
    "text",
    [
        "With high confi\u00addence it is likely.",
        "With high confidence, e.g. by the feed, it is likely.",
        "We are confident: a 70 % chance of it.",
        "ＨＩＧＨ ｃｏｎｆｉｄｅｎｃｅ, very likely.",
        "It is probably so (moderate confidence).",
    ],
)
def test_disguises_are_seen_through(text: str) -> None:
    assert [one.fault for one in faults(text)] == [Fault.LIKELIHOOD_WITH_CONFIDENCE]


@pytest.mark.parametrize(
    "text",
    [
        "A 95 % confidence interval; the true rate is likely inside.",
        "Likelihood and confidence never stand in one sentence.",
        "Remote hosts; confidence 70.",
        "It is likely. Confidence in this is moderate.",
    ],
)
def test_what_is_no_mixture_passes(text: str) -> None:
    assert list(faults(text)) == []


def test_both_rows_of_the_directive_in_one_sentence_are_found() -> None:
    found = list(faults("It is likely A and highly probable B."))
    assert [(one.fault, one.expressions) for one in found] == [(Fault.MIXED_ROWS, ("likely", "highly probable"))]


def test_a_page_is_read_by_its_blocks_and_lines() -> None:
    page = "<style>p { likely: confidence }</style>\n<table><tr><td>likely</td><td>confidence low</td></tr></table>\n"
    assert list(faults_in_html(page)) == []
    found = list(faults_in_html(page + "<p>It is <b>likely</b>,\nwith low confidence.</p>"))
    assert [one.line for one in found] == [3]


def test_the_ranges_are_the_seven_of_the_directive() -> None:
    assert [(one.lower, one.upper, one.words, one.also) for one in likelihood_ranges()] == [
        (1, 5, "almost no chance", "remote"),
        (5, 20, "very unlikely", "highly improbable"),
        (20, 45, "unlikely", "improbable"),
        (45, 55, "roughly even chance", "roughly even odds"),
        (55, 80, "likely", "probable"),
        (80, 95, "very likely", "highly probable"),
        (95, 99, "almost certain", "nearly certain"),
    ]


def _written() -> Iterator[tuple[Path, Iterator[Finding]]]:
    for pattern in ("*.md", "docs/**/*.md", "rules/**/*.yml", "profiles/*.yaml", "src/**/*.yaml", "examples/**/*.yaml"):
        for path in ROOT.glob(pattern):
            if path != _THE_TABLE:
                yield path, faults(path.read_text(encoding="utf-8"))


def _filled(template: str) -> str:
    """A template with what it will say of a judgement in place of the expressions that say it."""
    spoken = re.sub(r"\{\{[^{}]*(?:\blikelihood|_words_of\()[^{}]*\}\}", "likely", template)
    return re.sub(r"\{\{[^{}]*\bconfidence\b[^{}]*\}\}", "low confidence", spoken)


def _templates() -> Iterator[tuple[Path, Iterator[Finding]]]:
    for path in SOURCE.rglob("templates/*"):
        if path.suffix in {".html", ".j2", ".jinja"}:
            yield path, faults_in_html(_filled(path.read_text(encoding="utf-8")))


def _placed(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        return "{{ " + ast.unparse(part.value).translate({ord("{"): "(", ord("}"): ")"}) + " }}"
    return str(part.value) if isinstance(part, ast.Constant) else ""


def _told(node: ast.AST) -> str | None:
    """A string of the program, its placeholders for judgements filled as those of templates are."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return _filled("".join(map(_placed, node.values)))
    return None


def _messages() -> Iterator[tuple[Path, Iterator[Finding]]]:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = _told(node)
            if text:
                yield path, faults(text)


@pytest.mark.parametrize("texts", [_written, _templates, _messages])
def test_no_text_of_ours_is_at_fault(texts) -> None:
    read, found = 0, []
    for path, of_text in texts():
        read += 1
        found += [f"{path.relative_to(ROOT)}, {one.told()}" for one in of_text]
    assert read > 10
    assert found == []


def test_a_template_or_message_that_mixes_would_be_found() -> None:
    assert list(faults_in_html(_filled("<p>{{ likelihood(a, b) }}, confidence {{ file.confidence }}</p>")))
    message = ast.parse('f"It is {finding.likelihood}, confidence {finding.confidence.value}."').body[0]
    assert list(faults(next(filter(None, map(_told, ast.walk(message))))))
