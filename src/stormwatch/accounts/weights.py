"""The settings of the weights, read from the data file beside this module (or the operator's own) and checked."""

from __future__ import annotations

from importlib import resources
from typing import Annotated

import msgspec
import yaml

from stormwatch.model.errors import InvalidInput


class Prior(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Odds before evidence."""

    hidden_operator: float


class IndicatorWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far an indicator that matched is believed."""

    unstated_confidence: int
    trust_in_leads: float
    trust_in_feeds: float
    expired: float
    shared_infrastructure: float
    operators_accounts_behind_an_address: float
    pasted: float
    collector_from_actors: int
    collector: float
    shown_by_operators: float
    cap_bits: float


class ThrowAwayUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account made, used for hours and left."""

    shown_by_operators: float
    cap_bits: float
    minimum_events: int
    life_hours: float
    age_hours: float
    silent_days: float


class ConductWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Settings per kind of conduct."""

    throw_away_use: ThrowAwayUse


class JudgeWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a model as judge is believed: never for more than a bit, and never alone."""

    bits: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
    minimum_concerning: Annotated[int, msgspec.Meta(ge=1)]
    minimum_other_bits: Annotated[float, msgspec.Meta(ge=1.0)]


class FindingWeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a detector's finding weighs: independence group, share of those meant that show it, cap."""

    group: str
    shown: float
    cap_bits: float


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that weighs evidence on one account."""

    prior: Prior
    indicators: IndicatorWeights
    conduct: ConductWeights
    judge: JudgeWeights
    findings: dict[str, FindingWeight]


def load_weights() -> Weights:
    """The shipped weights; InvalidInput names what does not fit."""
    file = resources.files("stormwatch.accounts").joinpath("weights.yaml")
    try:
        return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), Weights)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(
            f"the weights cannot be used: {error}", where=str(file), remedy="restore the file"
        ) from error
