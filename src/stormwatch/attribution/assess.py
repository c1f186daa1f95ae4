"""Stage 6: from evidence, links and habits to `assessments`: hypotheses, risk, words, confidence, since when."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import pyarrow as pa

from stormwatch.attribution.base_rates import BaseRates
from stormwatch.attribution.cluster_evidence import Subject, Surroundings, cluster_evidence, leading_pieces
from stormwatch.attribution.grounds import Grounds, grounds_table, ranked
from stormwatch.attribution.habits import HabitBook
from stormwatch.attribution.organisations import recognise_organisations
from stormwatch.attribution.profiles import Profile
from stormwatch.attribution.risk import flagged_time
from stormwatch.attribution.shared_programs import accounts_with_shared_code
from stormwatch.attribution.traits import account_traits
from stormwatch.model.assessment import Assessment, Confidence
from stormwatch.model.evidence import Evidence
from stormwatch.model.icd_203 import likelihood_words
from stormwatch.storage.engine import QueryEngine
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import ASSESSMENTS

# Until 200 cases are adjudicated every face says this and shows words rather than numbers (doctrine 8).
CALIBRATED_ON: Final = "simulated worlds"


@dataclass(frozen=True, slots=True)
class AssessmentInput:
    """What the assessment starts from."""

    profiles: Sequence[Profile]
    rates: BaseRates
    prior: float
    threshold: float
    population: int
    first_event_us: Mapping[str, int]
    requests: Mapping[str, int]
    banned: frozenset[str]
    is_shared_domain: Callable[[str], bool]
    basis: Mapping[str, str]


def assess(
    engine: QueryEngine, lake: Lake, evidence: Sequence[Evidence], clusters: Sequence[Subject], given: AssessmentInput
) -> Sequence[Assessment]:
    """Writes `assessments`: one for each cluster, and for each account outside clusters that has evidence."""
    traits = account_traits(engine, lake, evidence)
    book = HabitBook(engine, traits)
    of_account: dict[str, list[Evidence]] = defaultdict(list)
    for piece in evidence:
        of_account[piece.account_id].append(piece)
    of_cluster = cluster_evidence(
        clusters,
        traits,
        given.rates.cluster,
        Surroundings(
            requests=given.requests,
            first_event_us=given.first_event_us,
            banned=given.banned,
            organisations=recognise_organisations(engine, clusters, given.is_shared_domain),
            shared_code=accounts_with_shared_code(lake, clusters, given.population),
        ),
    )
    found, rows, grounds = [], [], []
    for subject in (*clusters, *_alone(of_account, clusters)):
        pieces = [piece for account in subject.account_ids for piece in of_account.get(account, ())]
        pieces += of_cluster.get(subject.subject_id, ())
        ground = _grounds(subject, pieces, book, given)
        assessment = _assess(ground, given)
        found.append(assessment)
        grounds.append(ground)
        rows.append(_row(assessment, pieces, given.basis))
    lake.replace("assessments", pa.Table.from_pylist(rows, schema=ASSESSMENTS))
    lake.replace("assessment_grounds", grounds_table(grounds))
    return found


def _alone(of_account: Mapping[str, Sequence[Evidence]], clusters: Sequence[Subject]) -> Iterator[Subject]:
    linked = {account for cluster in clusters for account in cluster.account_ids}
    yield from (Subject(account, (account,)) for account in sorted(of_account) if account not in linked)


def _grounds(subject: Subject, pieces: Sequence[Evidence], book: HabitBook, given: AssessmentInput) -> Grounds:
    habits = book.of(subject.account_ids, pieces, given.prior)
    return Grounds(subject.subject_id, subject.account_ids, tuple(pieces), habits, given.prior, given.threshold)


def _assess(grounds: Grounds, given: AssessmentInput) -> Assessment:
    pieces, accounts = grounds.evidence, len(grounds.account_ids)
    found = ranked(grounds, given.profiles, given.rates)
    return Assessment(
        subject_id=grounds.subject_id,
        account_ids=grounds.account_ids,
        hypotheses=found,
        likelihood=likelihood_words(found[0].probability),
        confidence=_confidence(pieces),
        calibrated_on=CALIBRATED_ON,
        flagged_us=flagged_time(pieces, given.prior, given.threshold, given.rates, accounts),
        evidence=tuple(piece.kind for piece in leading_pieces(pieces)),
    )


def _confidence(pieces: Sequence[Evidence]) -> Confidence:
    """Moderate takes three groups of a bit or more each; high takes adjudicated cases, so it is never given yet."""
    groups = sum(piece.weight_bits >= 1.0 for piece in leading_pieces(pieces))
    return Confidence.MODERATE if groups >= 3 else Confidence.LOW


def _row(assessment: Assessment, pieces: Sequence[Evidence], basis: Mapping[str, str]) -> Mapping[str, object]:
    return {
        "subject_id": assessment.subject_id,
        "account_ids": list(assessment.account_ids),
        "hypotheses": [asdict(hypothesis) for hypothesis in assessment.hypotheses],
        "risk": assessment.risk,
        "likelihood": assessment.likelihood,
        "confidence": assessment.confidence.value,
        "calibrated_on": assessment.calibrated_on,
        "flagged_us": assessment.flagged_us,
        "evidence": [asdict(piece) for piece in leading_pieces(pieces)],
        "basis": json.dumps(dict(basis), sort_keys=True),
    }
