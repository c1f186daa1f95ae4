"""Fixtures of all tests: a home with its key outside it, and parts that a machine may lack."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from home_making import migrated_database, new_home
from stormwatch.access import passwords
from stormwatch.config import Settings, load_settings
from stormwatch.runtime import Runtime
from stormwatch.storage.database import Database, open_database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake

# One place for all homes that tests make: each would compile the shipped rules anew.
os.environ.setdefault("STORMWATCH_COMPILED_RULES", str(Path(__file__).parents[1] / ".pytest_cache" / "compiled-rules"))

SHARED = Path(__file__).parents[2] / "shared"
LITELLM = Path(__file__).parents[1] / ".venv-gateways" / ".installed"

# mark -> (is it here?, what is missing)
PARTS = {
    "caddy": (lambda: shutil.which("caddy") is not None, "Debian's package caddy"),
    "chromium": (lambda: shutil.which("chromium") is not None, "Debian's package chromium"),
    "litellm": (lambda: LITELLM.exists(), "the virtual environment with LiteLLM that `make gateways` makes"),
    "nginx": (lambda: find_nginx() is not None, "Debian's package nginx"),
    "postgresql": (lambda: find_postgresql() is not None, "Debian's package postgresql"),
}


def find_nginx() -> Path | None:
    """The nginx program, also where it is not on the PATH of ordinary users."""
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return Path(found) if found else None


def find_postgresql() -> Path | None:
    """The newest directory of PostgreSQL server programs."""
    found = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)
    return found.parent if found else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests begin first, so that at the end no worker is left alone with one."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


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
    opened = new_home(home)
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


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id at its least cost, for tests that sign in often and promise nothing of the hash itself."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", hasher)
    monkeypatch.setattr(passwords, "_NOBODYS", hasher.hash("nobody's"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """A private PostgreSQL server for this run; gives the directory of its socket. It listens on no port."""
    programs = find_postgresql()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="stormwatch-pg-"))
    prefix: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
        prefix = ["runuser", "-u", user, "--"]
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(programs / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run("initdb", "--auth=trust", "--username=stormwatch", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
    run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", f"-F -c listen_addresses='' -k {folder}")
    yield folder
    run("pg_ctl", "stop", "-m", "immediate")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: Path) -> str:
    """The name of a database with the schema and nothing in it, to be copied: that is faster than migrating."""
    open_database(_address(postgresql_server, _create_database(postgresql_server, "migrated"))).close()
    return "migrated"


@pytest.fixture
def postgresql_url(postgresql_server: Path, postgresql_template: str) -> str:
    """The address of a PostgreSQL database of the test's own, with the schema and nothing in it."""
    return _address(postgresql_server, _create_database(postgresql_server, _fresh_name(), postgresql_template))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty case database, without its schema: the test runs once on SQLite, once on PostgreSQL."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        return _address(server, _create_database(server, _fresh_name()))
    return f"sqlite:///{tmp_path / 'case.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def either_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A case database with its schema, on SQLite and on PostgreSQL."""
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgresql_url"))
    else:
        (tmp_path / "case.db").write_bytes(migrated_database())
        url = f"sqlite:///{tmp_path / 'case.db'}"
    opened = open_database(url)
    yield opened
    opened.close()


def _create_database(server: Path, name: str, template: str = "template1") -> str:
    database = Database(_address(server, "postgres"))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    database.close()
    return name


def _fresh_name() -> str:
    return "t" + os.urandom(8).hex()


def _address(server: Path, name: str) -> str:
    return f"postgresql://stormwatch@/{name}?host={server}"
