"""Turns the profile of a tracked actor into its page: what sources say of it, and which cases and leads name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stormwatch.attribution.alias_conflicts import AliasConflict, alias_conflicts
from stormwatch.attribution.profiles import INFERRED, Profile, ProfileSource
from stormwatch.cases.queue import cases_of_account
from stormwatch.console.actor_names import CatalogueEntry, actor_names, catalogue_entries, tracked_profiles
from stormwatch.console.lake_query import lake_query
from stormwatch.console.paging import PAGE_ROWS, Page, cut, decode_cursor
from stormwatch.console.pivot_view import kind_of
from stormwatch.intel.actors import ActorNames
from stormwatch.intel.leads import list_leads
from stormwatch.model.case import Case
from stormwatch.model.errors import NotFound
from stormwatch.model.icd_203 import likelihood_ranges
from stormwatch.model.intel import Lead
from stormwatch.runtime import Runtime

_ABOVE_ALL: Final = 2.0


@dataclass(frozen=True, slots=True)
class Weighing:
    """An assessment that weighs the actor; `place` is its rank there (1: first), `foremost` what comes first."""

    subject_id: str
    accounts: int
    calibrated_on: str
    confidence: str
    probability: float
    place: int
    foremost: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class ActorLine:
    """An actor as the list shows it: in how many assessments it leads or is weighed, and how many leads name it."""

    profile: Profile
    newest: str
    first: int
    weighed: int
    leads: int


@dataclass(frozen=True, slots=True)
class ActorView:
    """Everything that the page of one actor shows."""

    profile: Profile
    sources: Mapping[str, ProfileSource]
    told_by: Mapping[str, str]
    entries: tuple[CatalogueEntry, ...]
    conflicts: tuple[AliasConflict, ...]
    weighings: Page[Weighing]
    leads: tuple[Lead, ...]

    def inferred(self, fact: str) -> bool:
        """Whether a list of facts follows from the country and stands in no source."""
        return self.told_by.get(fact) == INFERRED

    def pivot_kind(self, kind: str) -> str:
        """The console's kind for one of the profile's kinds of infrastructure; empty: any."""
        return kind_of(kind)


def actor_lines(runtime: Runtime, words: str) -> tuple[ActorLine, ...]:
    """Every tracked actor whose names, title or affiliation hold the words, in the order of titles."""
    with lake_query(runtime, ("assessments",)) as query:
        counted = {row["hypothesis"]: row for row in query.rows("actors_weighed", least=_least())}
    leads = _leads_by_actor(runtime, actor_names(runtime))
    wanted = words.casefold().strip()
    lines = (
        ActorLine(
            profile=profile,
            newest=max((source.published for source in profile.sources), default=""),
            first=counted.get(profile.actor_id, {}).get("leads", 0),
            weighed=counted.get(profile.actor_id, {}).get("weighed", 0),
            leads=len(leads.get(profile.actor_id, ())),
        )
        for profile in tracked_profiles(runtime)
        if wanted in _said(profile)
    )
    return tuple(sorted(lines, key=lambda line: line.profile.title.casefold()))


def actor_view(runtime: Runtime, actor_id: str, after: str = "") -> ActorView:
    """The view of one actor; NotFound where no profile is installed, InvalidInput for a cursor that is none."""
    below, after_id = decode_cursor(after, (0.0, "")) if after else (_ABOVE_ALL, "")
    profiles = tracked_profiles(runtime)
    profile = next((one for one in profiles if one.actor_id == actor_id), None)
    if profile is None:
        raise NotFound("no profile of this actor is installed", where=actor_id, remedy="the actors page lists them")
    names = actor_names(runtime)
    with lake_query(runtime, ("assessments",)) as query:
        rows = query.rows(
            "actor_assessments", actor=actor_id, least=_least(), below=below, after_id=after_id, rows=PAGE_ROWS + 1
        )
    shown = cut(rows, lambda row: (row["probability"], row["subject_id"]))
    return ActorView(
        profile=profile,
        sources={source.key: source for source in profile.sources},
        told_by={one.fact: one.source for one in profile.told_by},
        entries=catalogue_entries(profile, names),
        conflicts=alias_conflicts([actor_id], profiles, names),
        weighings=Page(tuple(_weighing(runtime, row) for row in shown.rows), shown.next_cursor),
        leads=tuple(_leads_by_actor(runtime, names).get(actor_id, ())),
    )


def _least() -> float:
    """The upper bound of the lowest likelihood: what has no more is named nowhere."""
    return likelihood_ranges()[0].upper / 100


def _weighing(runtime: Runtime, row: Mapping[str, Any]) -> Weighing:
    return Weighing(
        subject_id=row["subject_id"],
        accounts=len(row["account_ids"]),
        calibrated_on=row["calibrated_on"],
        confidence=row["confidence"],
        probability=row["probability"],
        place=row["place"],
        foremost=row["foremost"],
        cases=tuple(
            case for case in cases_of_account(runtime.database, row["account_ids"][0]) if case.merged_into is None
        ),
    )


def _leads_by_actor(runtime: Runtime, names: ActorNames) -> Mapping[str, Sequence[Lead]]:
    found: dict[str, list[Lead]] = {}
    for lead in list_leads(runtime.database):
        for actor_id in names.tracked_actors(lead.actor) if lead.actor else ():
            found.setdefault(actor_id, []).append(lead)
    return found


def _said(profile: Profile) -> str:
    names = (name.name for name in profile.names)
    return " ".join((profile.title, profile.actor_id, profile.affiliation, *names)).casefold()
