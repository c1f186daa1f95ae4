"""One hunt: compaction, detections, evidence, links, assessments, cases, in this order; safe to run again."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from stormwatch.accounts.gather import gather_evidence, read_evidence
from stormwatch.accounts.weights import load_weights
from stormwatch.attribution.assess import AssessmentInput, assess
from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.cluster_evidence import Subject
from stormwatch.attribution.profiles import Profile, load_profiles
from stormwatch.cases.opening import open_cases
from stormwatch.config import Settings, shipped
from stormwatch.detections.rules import load_rules
from stormwatch.detections.ruleset import RuleSet
from stormwatch.detections.run import detect
from stormwatch.events.store import EventStore
from stormwatch.hunt.shared_lookup import SharedLookup
from stormwatch.hunt.window import open_window
from stormwatch.intel.actors import ActorNames
from stormwatch.intel.indicators import load_indicators
from stormwatch.intel.leads import note_search
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.ledger.log import Ledger
from stormwatch.linking.comparisons import load_comparisons
from stormwatch.linking.link import link_accounts
from stormwatch.model.intel import Indicator
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.engine import QueryEngine
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.cases import outcomes

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
class _Knowledge:
    """Everything that is not traffic, read once so that all stages see the same state of it."""

    rules: RuleSet
    indicators: Mapping[str, Indicator]
    shared: SharedInfrastructure
    names: ActorNames
    profiles: Sequence[Profile]
    banned: frozenset[str]

    @property
    def basis(self) -> Mapping[str, str]:
        """Versions of what an assessment rests on."""
        profiles = ",".join(f"{profile.actor_id}@{profile.version}" for profile in self.profiles)
        indicators = hashlib.sha256(repr(sorted(self.indicators.items())).encode()).hexdigest()[:16]
        lists = hashlib.sha256(self.shared.version.encode()).hexdigest()[:16]
        return {"rules": self.rules.version, "indicators": indicators, "lists": lists, "profiles": profiles}


def hunt(
    parts: HuntParts,
    *,
    since_us: int | None = None,
    until_us: int | None = None,
    full: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> HuntReport:
    """Brings detections, evidence, links, clusters, assessments and cases up to date; one hunt at a time.

    `full` scans all texts anew instead of what is new; the result is the same.
    """
    with _alone(parts.settings.home):
        done = iter(range(len(STEPS)))

        def step() -> None:
            if progress is not None:
                progress("hunt", next(done) + 1, len(STEPS))

        parts.events.compact()
        step()
        knowledge = _read_knowledge(parts)
        detect(
            parts.lake,
            parts.keyring,
            knowledge.rules,
            tuple(knowledge.indicators.values()),
            full=full,
            progress=progress,
        )
        step()
        report = _weigh_and_link(parts, knowledge, since_us, until_us, step)
        opened = open_cases(parts.database, parts.ledger, parts.lake, parts.settings.case_threshold, now_us())
        note_search(parts.database, now_us())
        step()
        return HuntReport(cases_opened=opened, **report)


def _weigh_and_link(
    parts: HuntParts,
    knowledge: _Knowledge,
    since_us: int | None,
    until_us: int | None,
    step: Callable[[], None],
) -> dict[str, int]:
    weights, comparisons = load_weights(), load_comparisons()
    rates = load_base_rates(len(knowledge.profiles))
    shared = SharedLookup(knowledge.shared)
    lake = parts.lake
    with parts.engine() as engine:
        open_window(engine, lake, since_us, until_us)
        facts = gather_evidence(
            engine,
            lake,
            weights,
            indicators=knowledge.indicators,
            shared_names=shared.of_observable,
            actors_named=knowledge.names.tracked_actors,
        )
        step()
        lifetimes = {a.account_id: (a.first_us, a.last_us) for a in facts if a.first_us is not None and a.last_us}
        clusters = link_accounts(
            engine, lake, comparisons, population=len(facts), lifetimes=lifetimes, listed=shared.of_identifier
        )
        step()
        living = [Subject(c.cluster_id, c.account_ids) for c in clusters if c.merged_into is None]
        given = AssessmentInput(
            profiles=knowledge.profiles,
            rates=rates,
            prior=weights.prior.hidden_operator,
            threshold=parts.settings.case_threshold,
            population=len(facts),
            first_event_us={account: first for account, (first, _) in lifetimes.items()},
            banned=knowledge.banned,
            is_shared_domain=knowledge.shared.is_shared_domain,
            basis=knowledge.basis,
        )
        assessments = assess(engine, lake, read_evidence(lake), living, given)
        step()
    return {
        "events": sum(account.events for account in facts),
        "accounts": len(facts),
        "detections": sum(file.rows for file in lake.files("detections")),
        "links": sum(file.rows for file in lake.files("links")),
        "clusters": len(living),
        "assessments": len(assessments),
        "above_threshold": sum(a.risk >= parts.settings.case_threshold for a in assessments),
    }


def _read_knowledge(parts: HuntParts) -> _Knowledge:
    profiles = load_profiles((shipped("profiles"), *parts.settings.profiles))
    spellings = [(p.actor_id, name.name, name.source) for p in profiles for name in p.names]
    return _Knowledge(
        rules=RuleSet(load_rules((shipped("rules"), *parts.settings.rules))),
        indicators={indicator.indicator_id: indicator for indicator in load_indicators(parts.database)},
        shared=SharedInfrastructure.load(parts.database),
        names=ActorNames.load(parts.database, spellings),
        profiles=profiles,
        banned=_banned(parts.database),
    )


def _banned(database: Database) -> frozenset[str]:
    """Accounts whose last recorded outcome is a suspension: read from `outcomes`, which the cases room writes."""
    last: dict[str, str] = {}
    with database.read() as connection:
        for row in connection.execute(select(outcomes).order_by(outcomes.c.time_us, outcomes.c.outcome_id)):
            last[row.account_id] = row.outcome
    return frozenset(account for account, outcome in last.items() if outcome == "suspended")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    with (home / "hunt.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
