"""An assessment to its analysis: the matrix, its sensitivity, the false-flag check, and conflicts of names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stormwatch.attribution.ach import Matrix, matrix
from stormwatch.attribution.alias_conflicts import AliasConflict, alias_conflicts, named_actors
from stormwatch.attribution.base_rates import load_base_rates
from stormwatch.attribution.false_flag import FalseFlag, false_flag, load_cheap_to_fake
from stormwatch.attribution.grounds import ranked, read_grounds
from stormwatch.attribution.profiles import Profile, profiles_now
from stormwatch.attribution.sensitivity import Sensitivity, sensitivity
from stormwatch.intel.actors import ActorNames
from stormwatch.model.assessment import Hypothesis
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


@dataclass(frozen=True, slots=True)
class Analysis:
    """How an assessment came about and what it hangs on.

    `outdated`: profiles or base rates changed since the last hunt, so that today's differ from the assessment stored.
    """

    hypotheses: tuple[Hypothesis, ...]
    matrix: Matrix
    sensitivity: Sensitivity
    false_flag: FalseFlag
    alias_conflicts: tuple[AliasConflict, ...]
    outdated: bool


def analyse(
    lake: Lake, database: Database, profile_folders: Iterable[Path], subject_id: str, stored: Sequence[Hypothesis]
) -> Analysis | None:
    """The analysis of the last assessment of a subject, whose hypotheses are `stored`; None when there is none."""
    grounds = read_grounds(lake, subject_id)
    if grounds is None:
        return None
    profiles = profiles_now(profile_folders)
    rates = load_base_rates(len(profiles))
    found = ranked(grounds, profiles, rates)
    named = named_actors(found)
    return Analysis(
        hypotheses=found,
        matrix=matrix(grounds, profiles, rates),
        sensitivity=sensitivity(grounds, profiles, rates),
        false_flag=false_flag(grounds, profiles, rates, load_cheap_to_fake()),
        alias_conflicts=conflicts_about(database, named, profiles),
        outdated=_differ(found, stored),
    )


def conflicts_about(
    database: Database, actor_ids: Sequence[str], profiles: Sequence[Profile]
) -> tuple[AliasConflict, ...]:
    """Conflicts of the names of actors; the catalogues are read only where an actor is named."""
    if not actor_ids:
        return ()
    spellings = [(one.actor_id, name.name, name.source) for one in profiles for name in one.names]
    return alias_conflicts(actor_ids, profiles, ActorNames.load(database, spellings))


def _differ(found: Sequence[Hypothesis], stored: Sequence[Hypothesis]) -> bool:
    before = {one.hypothesis: one.probability for one in stored}
    now = {one.hypothesis: one.probability for one in found}
    return before.keys() != now.keys() or any(
        not math.isclose(before[name], now[name], rel_tol=1e-6, abs_tol=1e-9) for name in now
    )
