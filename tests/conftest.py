"""Fixtures of all tests: a home with its key outside it, and parts that a machine may lack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stormwatch.config import Settings, load_settings
from stormwatch.runtime import Runtime, create_home
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

SHARED = Path(__file__).parents[2] / "shared"

# mark -> (is it here?, what is missing)
PARTS = {
    "chromium": (lambda: shutil.which("chromium") is not None, "Debian's package chromium"),
    "nginx": (lambda: find_nginx() is not None, "Debian's package nginx"),
    "postgresql": (lambda: find_postgresql() is not None, "Debian's package postgresql"),
}


def find_nginx() -> Path | None:
    """The nginx program, also where it is not on the PATH of ordinary users."""
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return Path(found) if found else None


def find_postgresql() -> Path | None:
    """The newest directory of PostgreSQL server programs."""
    return (
        max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=Path()).parent
        if Path("/usr/lib/postgresql").is_dir()
        else None
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose part is missing and says why; under CI a missing part fails instead."""
    if item.get_closest_marker("shared") and not SHARED.is_dir():
        pytest.skip("evaluation material outside the repository is not here")
    for mark, (present, missing) in PARTS.items():
        if item.get_closest_marker(mark) and not present():
            reason = f"needs {missing}, which is not installed"
            if os.environ.get("CI") == "true":
                pytest.fail(reason + "; with CI=true that is a failure")
            pytest.skip(reason)


@pytest.fixture
def shared() -> Path:
    """Evaluation material that is no part of the repository."""
    return SHARED


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for a home; its key lies beside it."""
    monkeypatch.setenv("STORMWATCH_KEY_FILE", str(tmp_path / "outside" / "home.key"))
    monkeypatch.delenv("STORMWATCH_TOKEN", raising=False)
    return tmp_path / "home"


@pytest.fixture
def runtime(home: Path) -> Iterator[Runtime]:
    """An open installation."""
    opened = create_home(home)
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings of the home."""
    home.mkdir(exist_ok=True)
    return load_settings(home)


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    """A fresh key."""
    return Keyring.create(settings.key_path)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    """An empty lake."""
    return Lake(settings.home / "lake")


@pytest.fixture
def database(runtime: Runtime) -> Database:
    """The case database of the installation."""
    return runtime.database
