"""One hunt: compaction, detections, evidence, links, assessments, cases, in this order; safe to run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from stormwatch.accounts.facts import AccountFacts
from stormwatch.accounts.findings import read_findings, victims_of_intruders
from stormwatch.accounts.gather import evidence_table, gather_evidence, read_evidence
from stormwatch.accounts.judged import judge_evidence
from stormwatch.attribution.assess import AssessmentInput, assess
from stormwatch.attribution.belonging import Identifiers
from stormwatch.attribution.cluster_evidence import Subject
from stormwatch.cases.opening import open_cases
from stormwatch.cases.routing import load_queues
from stormwatch.config import Settings
from stormwatch.detections.correlations.correlating_lake import correlate
from stormwatch.detections.detectors.run import run_detectors
from stormwatch.detections.detectors.settings import detector_settings
from stormwatch.detections.judge.judge import Judge
from stormwatch.detections.judge.judge_prompt import load_prompt
from stormwatch.detections.rows import DetectionRows
from stormwatch.detections.run import detect
from stormwatch.events.store import EventStore
from stormwatch.hunt.alerts.catch_up import catch_up
from stormwatch.hunt.alerts.policy import load_policy
from stormwatch.hunt.alerts.receivers import destinations
from stormwatch.hunt.alerts.sightings import Causes
from stormwatch.hunt.judge_budget import Clock
from stormwatch.hunt.judging import JudgeReport, Judging, replace_detections
from stormwatch.hunt.knowledge import Knowledge, read_knowledge
from stormwatch.hunt.lead_search import LeadStores, record_searches
from stormwatch.hunt.shared_lookup import SharedLookup
from stormwatch.hunt.window import open_window
from stormwatch.ledger.log import Ledger
from stormwatch.linking.belonging_record import read_membership, record_belonging
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
    judge: Judge | None = None
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True, slots=True)
class HuntReport:
    """What a hunt found; texts that a model as judge was to see and did not, and why."""

    events: int
    accounts: int
    detections: int
    links: int
    clusters: int
    assessments: int
    above_threshold: int
    cases_opened: int
    alerts_raised: int = 0
    judged: int = 0
    unjudged: int = 0
    judge_trouble: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """What the stages from evidence to assessment hand over; `clusters` are those that live."""

    facts: Sequence[AccountFacts]
    clusters: Sequence[Subject]
    assessments: Sequence[Assessment]
    judged: JudgeReport


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
        detect(
            parts.lake,
            parts.keyring,
            knowledge.rules,
            indicators,
            full=full,
            progress=progress,
            processes=parts.settings.processes,
        )
        correlate(parts.lake, knowledge.rules.correlations, full=full)
        step()
        with parts.engine() as engine:
            open_window(engine, parts.lake, since_us, until_us)
            run_detectors(engine, parts.lake, detector_settings())
            found = _weigh_and_link(engine, parts, knowledge, step)
        # After the assessments: what is grouped by cluster is shown, and nothing of this hunt rests on it.
        members = {account: one.subject_id for one in found.clusters for account in one.account_ids}
        correlate(parts.lake, knowledge.rules.correlations, clusters=members, full=full)
        opened = open_cases(
            parts.database,
            parts.ledger,
            parts.lake,
            parts.settings.case_threshold,
            now_us(),
            load_queues(parts.settings.case_queues),
        )
        record_searches(LeadStores(parts.lake, parts.database, parts.ledger), now_us())
        alerts = _alert(parts, knowledge)
        step()
        return _report(parts.lake, found, parts.settings.case_threshold, opened, alerts)


def _alert(parts: HuntParts, knowledge: Knowledge) -> int:
    causes = Causes(
        load_policy(parts.settings.alert_policy),
        knowledge.rules.rules,
        knowledge.indicators,
        SharedLookup(knowledge.shared).of_observable,
        knowledge.rules.correlations,
    )
    return catch_up(parts.lake, parts.database, causes, destinations(parts.settings), now_us())


def _weigh_and_link(engine: QueryEngine, parts: HuntParts, knowledge: Knowledge, step: Callable[[], None]) -> _Found:
    lake = parts.lake
    shared = SharedLookup(knowledge.shared)
    facts = gather_evidence(
        engine,
        lake,
        knowledge.weights,
        indicators=knowledge.indicators,
        shared_names=shared.reasons,
        actors_named=knowledge.names.tracked_actors,
    )
    judged = _judge(engine, parts, knowledge, len(facts))
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
        victims=victims_of_intruders(read_findings(lake)),
    )
    step()
    living = [Subject(c.cluster_id, c.account_ids) for c in clusters if c.merged_into is None]
    given = AssessmentInput(
        profiles=knowledge.profiles,
        rates=knowledge.base_rates,
        prior=knowledge.weights.prior.hidden_operator,
        threshold=parts.settings.case_threshold,
        population=len(facts),
        first_event_us={account: first for account, (first, _) in lifetimes.items()},
        requests={fact.account_id: fact.events for fact in facts if fact.events},
        banned=knowledge.banned,
        is_shared_domain=knowledge.shared.is_shared_domain,
        basis=knowledge.basis,
        membership=read_membership(lake),
        behind_an_address=knowledge.weights.indicators.operators_accounts_behind_an_address,
        identifiers=Identifiers(knowledge.comparisons, len(facts), shared.of_identifier),
    )
    assessments, belonging = assess(engine, lake, read_evidence(lake), living, given)
    clusters = record_belonging(lake, clusters, belonging, lifetimes)
    living = [Subject(c.cluster_id, c.account_ids) for c in clusters if c.merged_into is None]
    step()
    return _Found(facts, living, assessments, judged)


def _judge(engine: QueryEngine, parts: HuntParts, knowledge: Knowledge, population: int) -> JudgeReport:
    """Lets the judge, where there is one, look at what the evidence so far chooses, and adds its small piece to it."""
    lake = parts.lake
    if parts.judge is None:
        replace_detections(lake, DetectionRows())
        return JudgeReport()
    weights = knowledge.weights.judge
    rows = lake.read("account_evidence", ("account_id", "group", "weight_bits"))
    engine.register("account_evidence_now", rows.rename_columns(["account_id", "evidence_group", "weight_bits"]))
    judging = Judging(parts.judge, load_prompt(), lake, parts.keyring, parts.settings, parts.clock)
    report = judging.run(engine, weights.minimum_other_bits)
    pieces = list(judge_evidence(report.accounts, weights, population))
    if pieces:
        lake.replace("account_evidence", evidence_table([*read_evidence(lake), *pieces]))
    return report


def _report(lake: Lake, found: _Found, threshold: float, opened: int, alerts: int) -> HuntReport:
    return HuntReport(
        events=sum(account.events for account in found.facts),
        accounts=len(found.facts),
        detections=sum(file.rows for file in lake.files("detections")),
        links=sum(file.rows for file in lake.files("links")),
        clusters=len(found.clusters),
        assessments=len(found.assessments),
        above_threshold=sum(assessment.risk >= threshold for assessment in found.assessments),
        cases_opened=opened,
        alerts_raised=alerts,
        judged=found.judged.known,
        unjudged=found.judged.unjudged,
        judge_trouble=found.judged.trouble,
    )
