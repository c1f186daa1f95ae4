"""One hunt: compaction, detections, evidence, links, assessments, cases, in this order; safe to run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from stormwatch.accounts.facts import AccountFacts
from stormwatch.accounts.gather import gather_evidence, read_evidence
from stormwatch.attribution.assess import AssessmentInput, assess
from stormwatch.attribution.cluster_evidence import Subject
from stormwatch.cases.opening import open_cases
from stormwatch.config import Settings
from stormwatch.detections.detectors.run import run_detectors
from stormwatch.detections.detectors.settings import detector_settings
from stormwatch.detections.run import detect
from stormwatch.events.store import EventStore
from stormwatch.hunt.knowledge import Knowledge, read_knowledge
from stormwatch.hunt.shared_lookup import SharedLookup
from stormwatch.hunt.window import open_window
from stormwatch.intel.leads import note_search
from stormwatch.ledger.log import Ledger
from stormwatch.linking.link import link_accounts
from stormwatch.model.assessment import Assessment
from stormwatch.model.progress import ProgressReport
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.engine import QueryEngine
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.locking import exclusive

STEPS = ("compact", "detect", "evidence", "link", "assess", "cases")


@dataclass(frozen=True, slots=True)
class HuntParts:
    """What a hunt works with."""

    settings: Settings
    keyring: Keyring
    lake: Lake
    database: Database
    ledger: Ledger
    events: EventStore
    engine: Callable[[], AbstractContextManager[QueryEngine]]


@dataclass(frozen=True, slots=True)
class HuntReport:
    """What a hunt found."""

    events: int
    accounts: int
    detections: int
    links: int
    clusters: int
    assessments: int
    above_threshold: int
    cases_opened: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What the stages from evidence to assessment hand over; `clusters` are those that live."""

    facts: Sequence[AccountFacts]
    clusters: Sequence[Subject]
    assessments: Sequence[Assessment]


def hunt(
    parts: HuntParts,
    *,
    since_us: int | None = None,
    until_us: int | None = None,
    full: bool = False,
    progress: ProgressReport | None = None,
) -> HuntReport:
    """Brings detections, evidence, links, clusters, assessments and cases up to date; one hunt at a time.

    `full` scans all texts anew instead of what is new; the result is the same.
    """
    with exclusive(parts.settings.home / "hunt.lock"):
        done = iter(range(len(STEPS)))

        def step() -> None:
            if progress is not None:
                progress("hunt", next(done) + 1, len(STEPS))

        parts.events.compact()
        step()
        knowledge = read_knowledge(parts.settings, parts.database)
        indicators = tuple(knowledge.indicators.values())
        detect(parts.lake, parts.keyring, knowledge.rules, indicators, full=full, progress=progress)
        step()
        with parts.engine() as engine:
            open_window(engine, parts.lake, since_us, until_us)
            run_detectors(engine, parts.lake, detector_settings())
            found = _weigh_and_link(engine, parts.lake, knowledge, parts.settings.case_threshold, step)
        opened = open_cases(parts.database, parts.ledger, parts.lake, parts.settings.case_threshold, now_us())
        note_search(parts.database, now_us())
        step()
        return _report(parts.lake, found, parts.settings.case_threshold, opened)


def _weigh_and_link(
    engine: QueryEngine, lake: Lake, knowledge: Knowledge, threshold: float, step: Callable[[], None]
) -> _Found:
    shared = SharedLookup(knowledge.shared)
    facts = gather_evidence(
        engine,
        lake,
        knowledge.weights,
        indicators=knowledge.indicators,
        shared_names=shared.of_observable,
        actors_named=knowledge.names.tracked_actors,
    )
    step()
    lifetimes = {
        a.account_id: (a.first_us, a.last_us) for a in facts if a.first_us is not None and a.last_us is not None
    }
    clusters = link_accounts(
        engine,
        lake,
        knowledge.comparisons,
        population=len(facts),
        lifetimes=lifetimes,
        listed=shared.of_identifier,
    )
    step()
    living = [Subject(c.cluster_id, c.account_ids) for c in clusters if c.merged_into is None]
    given = AssessmentInput(
        profiles=knowledge.profiles,
        rates=knowledge.base_rates,
        prior=knowledge.weights.prior.hidden_operator,
        threshold=threshold,
        population=len(facts),
        first_event_us={account: first for account, (first, _) in lifetimes.items()},
        banned=knowledge.banned,
        is_shared_domain=knowledge.shared.is_shared_domain,
        basis=knowledge.basis,
    )
    assessments = assess(engine, lake, read_evidence(lake), living, given)
    step()
    return _Found(facts, living, assessments)


def _report(lake: Lake, found: _Found, threshold: float, opened: int) -> HuntReport:
    return HuntReport(
        events=sum(account.events for account in found.facts),
        accounts=len(found.facts),
        detections=sum(file.rows for file in lake.files("detections")),
        links=sum(file.rows for file in lake.files("links")),
        clusters=len(found.clusters),
        assessments=len(found.assessments),
        above_threshold=sum(assessment.risk >= threshold for assessment in found.assessments),
        cases_opened=opened,
    )
