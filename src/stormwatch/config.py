"""Settings of one installation, read from `STORMWATCH_*` variables and the home's `stormwatch.toml`, in one place."""

from __future__ import annotations

import hashlib
import os
import tomllib
from importlib import resources
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from stormwatch.model.errors import InvalidInput

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
    decision_url: str | None = Field(
        default=None, description="Address of the running server; actions are verified by its own answer there."
    )
    decision_token: str | None = Field(
        default=None, repr=False, description="A token of scope decide, for asking the server at decision_url."
    )
    rules: tuple[Path, ...] = Field(default=(), description="More folders of rules beside the shipped ones.")
    profiles: tuple[Path, ...] = Field(default=(), description="More folders of actor profiles.")
    case_threshold: float = Field(default=0.5, ge=0.01, le=0.999, description="Risk from which a case is opened.")
    minimum_count: int = Field(default=5, ge=2, description="Report figures below this are suppressed.")
    max_record_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, description="Longer input records are rejected.")
    max_request_bytes: int = Field(default=64 * 1024 * 1024, ge=1024, description="Longer HTTP bodies get 413.")
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
    hunt_interval_seconds: float = Field(default=30.0, gt=0, description="How often `serve` hunts when there is news.")

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
    def key_path(self) -> Path:
        """The key file: as set, else one per home below the user's configuration directory, never below the home."""
        if self.key_file is not None:
            return self.key_file
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        name = hashlib.sha256(str(self.home.resolve()).encode()).hexdigest()[:16]
        return base / "stormwatch" / "keys" / f"{name}.key"

    @property
    def database(self) -> str:
        """URL of the case database."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'stormwatch.db'}"


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
