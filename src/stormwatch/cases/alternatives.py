"""The innocent explanations that must be answered before anybody may be asked to approve an action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stormwatch.cases.queue import Answer
from stormwatch.model.assessment import BENIGN, COMPROMISED_ACCOUNT, Hypothesis
from stormwatch.model.evidence import Evidence
from stormwatch.model.ids import derived_id

_STATEMENTS: Final[Mapping[str, str]] = {
    BENIGN: "The holders of these accounts do ordinary work, and what looks alike is chance or shared circumstance.",
    COMPROMISED_ACCOUNT: "The holder is a victim: somebody else uses the account or a stolen key.",
}


@dataclass(frozen=True, slots=True)
class Alternative:
    """One innocent explanation. `source` is a hypothesis or a kind of evidence; `frequency` is measured, 0 to 1."""

    alternative_id: str
    source: str
    statement: str
    frequency: float | None = None
    answer: Answer | None = None


def top_alternatives(
    hypotheses: Sequence[Hypothesis], evidence: Sequence[Evidence], answers: Mapping[str, Answer]
) -> tuple[Alternative, ...]:
    """What has to be answered: `benign`; a victim, where that is at least as probable; the commonest innocent reading.

    An answer stays with what the alternative says: another statement asks for another answer.
    """
    found = [_of_hypothesis(BENIGN, answers)]
    odds = {h.hypothesis: h.probability for h in hypotheses}
    if odds.get(COMPROMISED_ACCOUNT, 0.0) >= odds.get(BENIGN, 0.0) and COMPROMISED_ACCOUNT in odds:
        found.append(_of_hypothesis(COMPROMISED_ACCOUNT, answers))
    explained = [piece for piece in evidence if piece.innocent_explanation and piece.weight_bits > 0]
    if explained:
        commonest = max(explained, key=lambda piece: (piece.innocent_frequency, piece.kind, piece.innocent_explanation))
        found.append(_of_evidence(commonest, answers))
    return tuple(found)


def unanswered(alternatives: Sequence[Alternative]) -> tuple[Alternative, ...]:
    """Those without an answer."""
    return tuple(alternative for alternative in alternatives if alternative.answer is None)


def _of_hypothesis(hypothesis: str, answers: Mapping[str, Answer]) -> Alternative:
    statement = _STATEMENTS[hypothesis]
    identity = derived_id("alt", hypothesis, statement)
    return Alternative(identity, hypothesis, statement, answer=answers.get(identity))


def _of_evidence(piece: Evidence, answers: Mapping[str, Answer]) -> Alternative:
    identity = derived_id("alt", piece.kind, piece.innocent_explanation)
    return Alternative(
        identity, piece.kind, piece.innocent_explanation, piece.innocent_frequency, answers.get(identity)
    )
