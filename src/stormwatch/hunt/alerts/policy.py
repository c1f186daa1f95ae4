"""What deserves an alert, read from the data file beside this module or from the operator's own copy, and checked."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec
import yaml

from stormwatch.model.alert import AlertLevel
from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import HOUR

_Positive = Annotated[int, msgspec.Meta(ge=1)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class LevelPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which levels on rules speak up."""

    levels: frozenset[AlertLevel]


class IndicatorPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which indicators' hits raise an alert, and of which level."""

    of_leads: bool
    of_feeds_from_score: _Share | None
    outside_validity: bool
    connected: AlertLevel
    pasted: AlertLevel
    shared: AlertLevel


class CasePolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The levels of alerts about cases; null raises none."""

    opened: AlertLevel | None
    joined: AlertLevel | None


class SuspendedPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The levels of alerts about suspended accounts that go on; null raises none."""

    blocked: AlertLevel | None
    answered: AlertLevel | None


class InnocentExplanations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each alert says on the other side; `shared` has a place for {lists}."""

    rule: str
    connected: str
    pasted: str
    shared: str
    case_opened: str
    account_joined: str
    blocked: str
    answered: str
    held_back: str


class AlertPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides whether something is alerted and how often."""

    window_hours: _Positive
    most_per_cause: _Positive
    rules: LevelPolicy
    correlations: LevelPolicy
    indicators: IndicatorPolicy
    cases: CasePolicy
    suspended_accounts: SuspendedPolicy
    innocent_explanations: InnocentExplanations

    @property
    def window_us(self) -> int:
        """The length of a window in microseconds."""
        return self.window_hours * HOUR


def load_policy(own: Path | None = None) -> AlertPolicy:
    """The shipped policy, or the operator's own; InvalidInput names what does not fit."""
    file = own if own is not None else resources.files("stormwatch.hunt.alerts").joinpath("policy.yaml")
    try:
        return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), AlertPolicy)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(
            f"the alert policy cannot be used: {' '.join(str(error).split())}",
            where=str(file),
            remedy="start from a copy of the shipped hunt/alerts/policy.yaml",
        ) from error
