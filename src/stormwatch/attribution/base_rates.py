"""Base rates and caps of the assessment, read from the data file beside this module and checked for sense."""

from __future__ import annotations

import math
from importlib import resources
from typing import Annotated

import msgspec
import yaml

from stormwatch.model.assessment import COMPROMISED_ACCOUNT, NON_STATE_ABUSE
from stormwatch.model.errors import InvalidInput

_SPOKEN_FOR = frozenset({NON_STATE_ABUSE, COMPROMISED_ACCOUNT})


class HypothesisRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Odds among the explanations other than benign, adding to 1."""

    unknown_actor: float
    non_state_abuse: float
    compromised_account: float
    tracked_actors: float


class SpecificEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bits for indicators that a source ties to an actor: of a sure match, from when it counts, and in all."""

    bits_per_indicator: float
    fewest_bits: float
    cap_bits: float


class SpeaksFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The residual explanation that a kind of evidence speaks for, and whether it raises the risk."""

    hypothesis: str
    raises_risk: bool
    cap_bits: float


class WeakEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bits for what fits a profile but fits many actors."""

    technique_bits: float
    technique_cap_bits: float
    topic_bits: float
    topic_cap_bits: float
    script_cap_bits: float
    hours_cap_bits: float

    @property
    def cap_bits(self) -> float:
        """What all of it can come to."""
        return self.technique_cap_bits + self.topic_cap_bits + self.script_cap_bits + self.hours_cap_bits


class ClusterFeature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A feature of a whole cluster: how many operators show it (a guess) and its cap."""

    shown_by_operators: float
    cap_bits: float


class SharedGoals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What several accounts of a cluster pursue: shares of an operator (guesses), caps, and how many must show it."""

    event_share: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
    pursued: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
    pursued_by_member: Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
    fewest_accounts: Annotated[int, msgspec.Meta(ge=2)]
    trait_cap_bits: float
    cap_bits: float


class ClusterFeatures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Settings per feature."""

    hiding: ClusterFeature
    shared_goals: SharedGoals
    shared_code: ClusterFeature
    handed_on: ClusterFeature
    shared_conduct: ClusterFeature
    return_after_ban: ClusterFeature


class BaseRates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that the assessment starts from."""

    base_rates: HypothesisRates
    specific: SpecificEvidence
    speaks_for: dict[str, SpeaksFor]
    weak: WeakEvidence
    cluster: ClusterFeatures


def load_base_rates(tracked_actors: int) -> BaseRates:
    """The shipped base rates for so many profiles; InvalidInput when they could let weak evidence name an actor."""
    file = resources.files("stormwatch.attribution").joinpath("base_rates.yaml")
    try:
        rates = msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), BaseRates)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(f"the base rates cannot be used: {error}", where=str(file), remedy="restore it") from error
    check(rates, tracked_actors, str(file))
    return rates


def check(rates: BaseRates, tracked_actors: int, where: str) -> None:
    """Refuses rates that do not add to 1, name no explanation, or let weak evidence lift a tracked actor to the top."""
    odds = rates.base_rates
    total = odds.unknown_actor + odds.non_state_abuse + odds.compromised_account + odds.tracked_actors
    if not math.isclose(total, 1.0, abs_tol=1e-9):
        raise InvalidInput(f"the base rates add to {total:g} instead of 1", where=where)
    for kind, speaks in rates.speaks_for.items():
        if speaks.hypothesis not in _SPOKEN_FOR:
            raise InvalidInput(
                f"{kind} speaks for {speaks.hypothesis}; only {' and '.join(sorted(_SPOKEN_FOR))} have evidence so",
                where=where,
            )
    head_start = math.log2(odds.unknown_actor / (odds.tracked_actors / max(tracked_actors, 1)))
    if rates.weak.cap_bits >= head_start:
        raise InvalidInput(
            f"weak evidence can come to {rates.weak.cap_bits:g} bits and would name an actor by itself: "
            f"unknown-actor leads each tracked actor by {head_start:.2f} bits",
            where=where,
            remedy="lower the caps under `weak`",
        )
