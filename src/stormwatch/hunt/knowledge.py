"""Everything that a hunt knows beside the traffic, read once so that all its stages see the same state of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stormwatch.accounts.weights import Weights, load_weights
from stormwatch.attribution.base_rates import BaseRates, load_base_rates
from stormwatch.attribution.profiles import Profile, load_profiles
from stormwatch.cases.outcomes import suspended_accounts
from stormwatch.config import Settings, shipped
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.segment_scanner import load_ruleset
from stormwatch.intel.actors import ActorNames
from stormwatch.intel.indicators import load_indicators
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.linking.comparisons import Comparisons, load_comparisons
from stormwatch.model.intel import Indicator
from stormwatch.storage.database import Database


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Rules, indicators, lists, names, profiles and weights, and the accounts that were suspended before."""

    rules: RuleSet
    indicators: Mapping[str, Indicator]
    shared: SharedInfrastructure
    names: ActorNames
    profiles: Sequence[Profile]
    banned: frozenset[str]
    weights: Weights
    comparisons: Comparisons
    base_rates: BaseRates

    @property
    def basis(self) -> Mapping[str, str]:
        """Versions of what an assessment rests on."""
        profiles = ",".join(f"{profile.actor_id}@{profile.version}" for profile in self.profiles)
        indicators = hashlib.sha256(repr(sorted(self.indicators.items())).encode()).hexdigest()[:16]
        lists = hashlib.sha256(self.shared.version.encode()).hexdigest()[:16]
        return {"rules": self.rules.version, "indicators": indicators, "lists": lists, "profiles": profiles}


def rule_folders(settings: Settings) -> tuple[Path, ...]:
    """Where rules are: the shipped ones, and what the settings add."""
    return shipped("rules"), *settings.rules


def read_knowledge(settings: Settings, database: Database) -> Knowledge:
    """What is shipped, what the settings add to it, and what was imported; InvalidInput names what does not fit."""
    profiles = load_profiles((shipped("profiles"), *settings.profiles))
    spellings = [(p.actor_id, name.name, name.source) for p in profiles for name in p.names]
    return Knowledge(
        rules=load_ruleset(rule_folders(settings), settings.compiled_rules_folder),
        indicators={indicator.indicator_id: indicator for indicator in load_indicators(database)},
        shared=SharedInfrastructure.load(database),
        names=ActorNames.load(database, spellings),
        profiles=profiles,
        banned=suspended_accounts(database),
        weights=load_weights(),
        comparisons=load_comparisons(),
        base_rates=load_base_rates(len(profiles)),
    )
