"""Settings of one installation, read from `STORMWATCH_*` variables and the home's `stormwatch.toml`, in one place."""

from __future__ import annotations

import hashlib
import os
import tomllib
from importlib import resources
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from stormwatch.model.errors import InvalidInput
from stormwatch.model.principal import Role

SETTINGS_FILE = "stormwatch.toml"


class Settings(BaseSettings):
    """Everything that an operator may set. Variables win over the file, the file over these defaults."""

    model_config = SettingsConfigDict(env_prefix="STORMWATCH_", extra="ignore", frozen=True)

    home: Path = Field(description="The directory that holds this installation.")
    key_file: Path | None = Field(
        default=None, description="Where the encryption key lies; outside the home. Default: the user's configuration."
    )
    database_url: str | None = Field(default=None, description="SQLAlchemy URL of the case database; default SQLite.")
    provider_name: str = Field(default="this provider", description="The operator's name on bundles and reports.")
    appeal_url: str = Field(
        default="https://operator.example/appeal", description="Where a suspended account holder can object."
    )
    appeal_window_days: int = Field(default=184, ge=1, description="How long after a notice its holder can appeal.")
    appeal_review_days: int = Field(default=14, ge=1, description="After so long an answer to an appeal is overdue.")
    terms_of_use: str = Field(
        default="as published on our website", description="Where your terms of use are found, for notices."
    )
    notice_folder: Path | None = Field(
        default=None, description="Where notices are put as files; default: notices in the home."
    )
    notice_url: str | None = Field(
        default=None, description="Where notices are sent as signed webhooks, instead of files."
    )
    witness_file: Path | None = Field(
        default=None, description="A file elsewhere to which every checkpoint of the ledger is added."
    )
    decision_url: str | None = Field(
        default=None, description="Address of the running server; actions are verified by its own answer there."
    )
    decision_token: str | None = Field(
        default=None, repr=False, description="A token of scope decide, for asking the server at decision_url."
    )
    litellm_url: str | None = Field(default=None, description="A LiteLLM proxy whose keys are blocked and unblocked.")
    litellm_key: str | None = Field(default=None, repr=False, description="Its master key, or an administrator's.")
    gateway_webhook_url: str | None = Field(default=None, description="A gateway of your own, told by signed webhooks.")
    gateway_webhook_secrets: tuple[str, ...] = Field(
        default=(), repr=False, description="Secrets that sign these (whsec_…); two while one replaces the other."
    )
    scim_url: str | None = Field(default=None, description="A SCIM 2.0 service whose users are switched off and on.")
    scim_token: str | None = Field(default=None, repr=False, description="A bearer token for the SCIM service.")
    scim_match: str = Field(
        default="externalId", pattern="^(externalId|userName)$", description="What account ids are in SCIM."
    )
    gateway_plain_http: bool = Field(default=False, description="Also tell gateways unencrypted beyond this machine.")
    upkeep_interval_seconds: float = Field(
        default=60.0, gt=0, description="How often `serve` looks for new keys of suspended accounts."
    )
    rules: tuple[Path, ...] = Field(default=(), description="More folders of rules beside the shipped ones.")
    compiled_rules: Path | None = Field(
        default=None, description="Where compiled rules are kept; default: compiled-rules in the home."
    )
    profiles: tuple[Path, ...] = Field(default=(), description="More folders of actor profiles.")
    mappings: tuple[Path, ...] = Field(default=(), description="More folders of mappings of log formats.")
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Networks of your own proxies, whose word on a client's address counts."
    )
    forwarded_header: str = Field(
        default="x-forwarded-for", description="The one header that those proxies write the client's address into."
    )
    case_threshold: float = Field(default=0.5, ge=0.01, le=0.999, description="Risk from which a case is opened.")
    case_queues: Path | None = Field(
        default=None, description="Which queue a case waits in, and for how long, instead of the shipped file."
    )
    minimum_count: int = Field(default=5, ge=2, description="Report figures below this are suppressed.")
    max_record_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, description="Longer input records are rejected.")
    max_request_bytes: int = Field(default=64 * 1024 * 1024, ge=1024, description="Longer HTTP bodies get 413.")
    processes: int = Field(
        default_factory=lambda: min(len(os.sched_getaffinity(0)), 4),
        ge=1,
        le=64,
        description="How many processes read large files and scan texts; default: the processors, at most 4.",
    )
    otlp_account_attributes: tuple[str, ...] = Field(
        default=(), description="Attributes of spans that name the account and that the operator vouches for."
    )
    alert_urls: tuple[str, ...] = Field(default=(), description="Where alerts are sent as signed webhooks.")
    alert_secrets: tuple[str, ...] = Field(
        default=(), repr=False, description="Secrets that sign alerts (whsec_…); two while one replaces the other."
    )
    alert_format: str = Field(default="native", pattern="^(native|ocsf|ecs)$", description="The shape of sent alerts.")
    alert_plain_http: bool = Field(default=False, description="Also send alerts unencrypted beyond this machine.")
    alert_ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) that receivers are checked against."
    )
    alert_policy: Path | None = Field(default=None, description="What deserves an alert, instead of the shipped file.")
    watch_queue_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="Fresh events that wait for their first look; the rest waits."
    )
    ingest_processes: int = Field(
        default_factory=lambda: _reading_processes(len(os.sched_getaffinity(0))),
        ge=0,
        le=64,
        description="Processes of their own that read OTLP; 0: the server itself. Default: 2, on one processor 0.",
    )
    hunt_interval_seconds: float = Field(default=30.0, gt=0, description="How often `serve` hunts when there is news.")
    delivery_interval_seconds: float = Field(
        default=5.0, gt=0, description="How often `serve` looks for orders, ends of actions and of embargoes."
    )
    delivery_attempts: int = Field(
        default=12, ge=1, le=100, description="After how many failures an order to a gateway waits for a person."
    )
    console_url: str | None = Field(
        default=None, pattern=r"^https?://[^/\s?#]+/?$", description="Where people reach the console, without a path."
    )
    console_plain_http: bool = Field(default=False, description="Also sign people in unencrypted beyond this machine.")
    console_token_sign_in: bool = Field(default=True, description="Whether a personal token opens the console.")
    step_up_minutes: int = Field(
        default=10, ge=0, le=480, description="How old a second factor may be for approving and revealing; 0: any age."
    )
    oidc_issuer: str | None = Field(default=None, description="An OpenID provider that people sign in with.")
    oidc_client_id: str = Field(default="", description="What this installation is called at the provider.")
    oidc_client_secret: str | None = Field(default=None, repr=False, description="Its secret there, if it has one.")
    oidc_name: str = Field(default="your organisation", description="What the sign-in page calls the provider.")
    oidc_scopes: tuple[str, ...] = Field(default=("openid", "profile"), description="What the provider is asked for.")
    oidc_role_claim: str = Field(default="groups", description="The claim that roles are read from.")
    oidc_roles: dict[str, Role] = Field(
        default={}, description="Value of that claim -> role; never administrator. Empty: linked people alone come in."
    )
    judge_url: str | None = Field(default=None, description="An OpenAI-compatible endpoint as judge; none: no judge.")
    judge_model: str = Field(default="", description="The model that the judge's endpoint is asked for.")
    judge_token: str | None = Field(default=None, repr=False, description="A bearer token for the judge's endpoint.")
    judge_allow_remote: bool = Field(default=False, description="Whether the judge may be on another machine.")
    judge_timeout_seconds: float = Field(default=20.0, gt=0, le=600, description="The most that one answer may take.")
    judge_requests_per_minute: float = Field(default=60.0, gt=0, description="How fast the judge is asked.")
    judge_requests_per_hunt: int = Field(default=50, ge=0, description="The most questions in one hunt.")
    judge_requests_per_day: int = Field(default=500, ge=0, description="The most questions in 24 hours.")
    judge_tokens_per_hunt: int = Field(default=100_000, ge=0, description="The most tokens in one hunt.")
    judge_tokens_per_day: int = Field(default=1_000_000, ge=0, description="The most tokens in 24 hours.")
    judge_seconds_per_hunt: float = Field(default=120.0, gt=0, description="After so long a hunt asks no more.")

    @field_validator("oidc_roles")
    @classmethod
    def _no_administrator(cls, roles: dict[str, Role]) -> dict[str, Role]:
        if Role.ADMINISTRATOR in roles.values():
            raise ValueError("no claim makes an administrator; administrators give that role")
        return roles

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, the home's settings file."""
        home = init_settings().get("home")
        file = Path(str(home)) / SETTINGS_FILE if home is not None else None
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)

    @property
    def compiled_rules_folder(self) -> Path:
        """Where compiled rules are kept: as set, else below the home."""
        return self.compiled_rules or self.home / "compiled-rules"

    @property
    def notice_outbox(self) -> Path:
        """Where notices are put as files: as set, else below the home."""
        return self.notice_folder or self.home / "notices"

    @property
    def key_path(self) -> Path:
        """The key file: as set, else one per home below the user's configuration directory, never below the home."""
        if self.key_file is not None:
            return self.key_file
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        name = hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:16]
        return base / "stormwatch" / "keys" / f"{name}.key"

    @property
    def console_address(self) -> str:
        """Where people reach the console, to be printed: as set, else this machine's."""
        return f"{(self.console_url or 'http://127.0.0.1:8787').rstrip('/')}/console"

    @property
    def database(self) -> str:
        """URL of the case database."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'stormwatch.db'}"


def _reading_processes(processors: int) -> int:
    """How many processes read telemetry by default: two, as the server and the disk leave room for no more."""
    return 2 if processors > 1 else 0


def load_settings(home: Path) -> Settings:
    """Settings for a home; InvalidInput names the setting that cannot be read."""
    try:
        return Settings(home=home)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"setting {field}: {first['msg']}",
            where=f"STORMWATCH_{field.upper()} or {home / SETTINGS_FILE}",
            remedy="correct it and run the command again",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidInput(
            f"the settings cannot be read: {error}", where=str(home / SETTINGS_FILE), remedy="correct the TOML"
        ) from error


def shipped(folder: str) -> Path:
    """The shipped folder `rules` or `profiles`: inside the package in a wheel, at the top of a checkout."""
    packaged = Path(str(resources.files("stormwatch"))) / "shipped" / folder
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / folder
