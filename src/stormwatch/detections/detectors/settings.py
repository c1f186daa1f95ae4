"""data/detectors.yaml, checked: thresholds, versions, techniques and innocent explanations of the detectors."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec
import yaml

from stormwatch.model.errors import InvalidInput


class DetectorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every detector states."""

    version: str
    techniques: tuple[str, ...]
    innocent: str


class MachineTempo(DetectorSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Requests in a row too quick for a person."""

    quick_seconds: float
    fewest_in_a_row: int


class AutonomousWorkflow(DetectorSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far a workflow runs without a person's decisions."""

    human_seconds: float
    workflow_gap_seconds: float
    tools_now_and_then: float
    fewest_steps: int
    steps_per_decision: float
    scheduled_starts: int
    scheduled_within_seconds: float
    unattended_seconds: float
    least_level: int


class RefusalAndRetry(DetectorSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Asking again after the model declined."""

    again_seconds: float
    elsewhere_seconds: float
    fewest_retries: int


class TemplatePopulation(DetectorSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Many accounts that fill in one template."""

    fewest_by_account: int
    least_focus: float
    least_different: float
    fewest_accounts: int
    most_of_one_owner: float


class KeyMisuse(DetectorSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody else with the holder's key."""

    fewest_own: int
    settled_seconds: float
    fewest_signs: int
    most_at_home: float
    many_networks: int
    burst: int


class AccountFarm(DetectorSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Accounts made in a row that share what people have for themselves."""

    fewest_accounts: int
    within_seconds: float
    most_accounts: int
    most_of_one_owner: float


class AccountResale(DetectorSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One account that many strangers use at once."""

    fewest_networks: int
    fewest_clients: int
    together_seconds: float
    fewest_together: int
    most_declared_end_users: int


class AllSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The settings of every detector."""

    machine_tempo: MachineTempo
    autonomous_workflow: AutonomousWorkflow
    refusal_and_retry: RefusalAndRetry
    template_population: TemplatePopulation
    key_misuse: KeyMisuse
    account_farm: AccountFarm
    account_resale: AccountResale


@cache
def detector_settings() -> AllSettings:
    """The shipped settings; InvalidInput names what does not fit."""
    file = resources.files("stormwatch.detections").joinpath("data", "detectors.yaml")
    try:
        return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), AllSettings)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise InvalidInput(
            f"the detectors' settings cannot be used: {error}", where=str(file), remedy="restore the file"
        ) from error


def microseconds(seconds: float) -> int:
    """A threshold as the lake counts time."""
    return round(seconds * 1_000_000)
