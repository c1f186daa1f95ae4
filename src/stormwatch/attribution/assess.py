"""Stage 6: from evidence, links and habits to `assessments`: hypotheses, risk, words, confidence, since when."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import pyarrow as pa

from stormwatch.attribution.base_rates import BaseRates
from stormwatch.attribution.belonging import Identifiers, settle_belonging
from stormwatch.attribution.cluster_evidence import Subject, Surroundings, cluster_evidence, leading_pieces
from stormwatch.attribution.grounds import Grounds, grounds_table, ranked
from stormwatch.attribution.habits import HabitBook
from stormwatch.attribution.handed_on import programs_handed_on
from stormwatch.attribution.meant import Setting, Suspect, meant_by_sources
from stormwatch.attribution.organisations import recognise_organisations
from stormwatch.attribution.premises import recognise_premises
from stormwatch.attribution.profiles import Profile
from stormwatch.attribution.risk import decided_risk, flagged_time
from stormwatch.attribution.shared_goals import GoalScorer
from stormwatch.attribution.shared_programs import accounts_with_shared_code
from stormwatch.attribution.traits import account_traits
from stormwatch.model.assessment import Assessment, Confidence
from stormwatch.model.evidence import Belonging, Evidence
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
    membership: Mapping[str, float]
    identifiers: Identifiers
    behind_an_address: float


def assess(
    engine: QueryEngine, lake: Lake, evidence: Sequence[Evidence], clusters: Sequence[Subject], given: AssessmentInput
) -> tuple[Sequence[Assessment], Sequence[Belonging]]:
    """Writes `assessments`: one for each cluster, and for each account outside clusters that has evidence.

    Also who belongs to which cluster, and how firmly, now that it is known what the clusters pursue. Accounts that join
    in that way are named in the assessment and have no part in it: what they show let them in already.
    """
    traits = account_traits(engine, lake, evidence)
    book = HabitBook(engine, traits)
    of_account: dict[str, list[Evidence]] = defaultdict(list)
    for piece in evidence:
        of_account[piece.account_id].append(piece)
    shared_code = accounts_with_shared_code(lake, clusters, given.population)
    handed_on = programs_handed_on(engine, lake, clusters, shared_code)
    scorer = GoalScorer(traits, given.requests, given.rates.cluster.shared_goals)
    around = Surroundings(
        requests=given.requests,
        first_event_us=given.first_event_us,
        banned=given.banned,
        openly_together=_openly_together(engine, clusters, given.is_shared_domain),
        shared_code=shared_code,
        handed_on=handed_on,
    )
    of_cluster = cluster_evidence(clusters, traits, scorer, given.rates.cluster, around)
    suspects = []
    for subject in (*clusters, *_alone(of_account, clusters)):
        pieces = [piece for account in subject.account_ids for piece in of_account.get(account, ())]
        pieces += of_cluster.get(subject.subject_id, ())
        suspects.append(_suspect(subject, pieces, given))
    meant = meant_by_sources(suspects, Setting(given.population, given.prior, given.behind_an_address))
    grounds = [_grounds(suspect, book, given, meant.get(suspect.subject_id, {})) for suspect in suspects]
    found = [_assess(ground, given) for ground in grounds]
    belonging = settle_belonging(engine, found, given.membership, scorer, handed_on, given.identifiers)
    found = _with_who_joined(found, belonging)
    ground_of = {ground.subject_id: ground for ground in grounds}
    rows = [_row(assessment, ground_of[assessment.subject_id].evidence, given.basis) for assessment in found]
    lake.replace("assessments", pa.Table.from_pylist(rows, schema=ASSESSMENTS))
    lake.replace("assessment_grounds", grounds_table([ground_of[assessment.subject_id] for assessment in found]))
    return found, belonging


def _openly_together(
    engine: QueryEngine, clusters: Sequence[Subject], is_shared_domain: Callable[[str], bool]
) -> Mapping[str, str]:
    """Of each cluster that hides nothing, how that shows: an organisation by its mail domain, or one place of work."""
    at_home = recognise_premises(engine, clusters)
    under_domain = recognise_organisations(engine, clusters, is_shared_domain)
    return {
        **{one: f"a home or an office: most of it comes from one address, {place}" for one, place in at_home.items()},
        **{one: f"an organisation: the accounts sign up openly under {name}" for one, name in under_domain.items()},
    }


def _alone(of_account: Mapping[str, Sequence[Evidence]], clusters: Sequence[Subject]) -> Iterator[Subject]:
    linked = {account for cluster in clusters for account in cluster.account_ids}
    yield from (Subject(account, (account,)) for account in sorted(of_account) if account not in linked)


def _suspect(subject: Subject, pieces: Sequence[Evidence], given: AssessmentInput) -> Suspect:
    risk = decided_risk(pieces, given.prior, given.threshold, given.rates, len(subject.account_ids))
    return Suspect(subject.subject_id, tuple(subject.account_ids), tuple(pieces), risk)


def _grounds(suspect: Suspect, book: HabitBook, given: AssessmentInput, meant: Mapping[str, float]) -> Grounds:
    habits = book.of(suspect.account_ids, suspect.evidence, given.prior, meant)
    return Grounds(
        suspect.subject_id, suspect.account_ids, tuple(suspect.evidence), habits, given.prior, given.threshold
    )


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


def _with_who_joined(found: Sequence[Assessment], belonging: Sequence[Belonging]) -> list[Assessment]:
    """The assessments with the accounts that joined a cluster, which then stand alone no more."""
    joined: dict[str, list[str]] = defaultdict(list)
    for one in belonging:
        if one.link is not None:
            joined[one.cluster_id].append(one.account_id)
    everyone = {account for accounts in joined.values() for account in accounts}
    return [
        replace(one, account_ids=(*one.account_ids, *sorted(joined[one.subject_id])))
        if one.subject_id in joined
        else one
        for one in found
        if one.subject_id not in everyone
    ]


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
