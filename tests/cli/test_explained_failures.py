"""A damaged home ends each command in one sentence and exit 1, never in a traceback."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import stormwatch
from event_making import event, ndjson


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "settings that are no TOML": lambda home: (home / "stormwatch.toml").write_text("rules = [\x1b[31m"),
    "settings that are no text": lambda home: (home / "stormwatch.toml").write_bytes(b"\xff\xfe"),
    "a setting of the wrong type": lambda home: (home / "stormwatch.toml").write_text("case_threshold = 'x'"),
    "a database that is none": lambda home: (home / "stormwatch.db").write_bytes(b"\xff" * 5000),
    "a manifest that is none": lambda home: (home / "lake" / "manifest.json").write_text("{"),
    "events cut short": lambda home: [cut(path) for path in (home / "lake" / "events").glob("*.parquet")],
    "texts gone": lambda home: [path.unlink() for path in (home / "lake" / "texts").glob("*.parquet")],
    "a rule that is none": lambda home: (
        (home / "rules.yml").write_text("title: [\n"),
        (home / "stormwatch.toml").write_text(f"rules = ['{home}/rules.yml']"),
    ),
    "a short key": lambda home: (home.parent / "outside" / "home.key").write_bytes(b"short"),
    "another key": lambda home: (home.parent / "outside" / "home.key").write_bytes(b"k" * 32),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two events, and its key beside it."""
    folder = tmp_path_factory.mktemp("whole")
    file = folder / "events.ndjson"
    file.write_bytes(ndjson([event(1), event(2)]))
    environment = {"STORMWATCH_KEY_FILE": str(folder / "outside" / "home.key")}
    assert stormwatch("--home", folder / "home", "ingest", file, environment=environment).returncode == 0
    return folder


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_hunt_in_a_damaged_home_is_explained(home: Path, whole: Path, damage: Callable[[Path], object]) -> None:
    shutil.copytree(whole, home.parent, dirs_exist_ok=True)
    (home.parent / "outside" / "home.key").chmod(0o600)
    damage(home)
    done = stormwatch("--home", home, "hunt", "--json")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("stormwatch: ")
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr
