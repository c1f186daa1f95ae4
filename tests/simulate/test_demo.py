"""The demo lives in a home of its own and shows what it says: found by linking alone, cleared, decided, told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stormwatch.cli.story.demo_home import MARKER, fresh_home, keep_tokens
from stormwatch.cli.story.provider import recent_weeks
from stormwatch.model.errors import InvalidInput
from stormwatch.model.times import DAY, from_us, to_us


def test_a_home_that_is_no_demo_is_left_alone(home: Path) -> None:
    home.mkdir()
    (home / "stormwatch.db").write_text("real")
    with pytest.raises(InvalidInput, match="no demo home"):
        fresh_home(home)
    assert (home / "stormwatch.db").read_text() == "real"


def test_an_earlier_demo_gives_way(home: Path) -> None:
    fresh_home(home).close()
    (home / "left-over").write_text("old")
    fresh_home(home).close()
    assert (home / MARKER).is_file()
    assert not (home / "left-over").exists()


def test_a_link_to_a_home_is_not_followed(home: Path, tmp_path: Path) -> None:
    fresh_home(tmp_path / "other").close()
    home.symlink_to(tmp_path / "other")
    with pytest.raises(InvalidInput):
        fresh_home(home)


def test_a_real_database_is_not_touched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORMWATCH_DATABASE_URL", "postgresql://real")
    with pytest.raises(InvalidInput, match="real installation"):
        fresh_home(home)
    assert not home.exists()


def test_tokens_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = keep_tokens(tmp_path, {"anna": "secret"})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().split() == ["anna", "secret"]


def test_the_weeks_are_whole_and_behind_us() -> None:
    now = datetime(2026, 11, 19, 15, 30, tzinfo=UTC)
    start = recent_weeks(now)
    assert from_us(start).weekday() == 0
    assert to_us(now) - 28 * DAY - 7 * DAY < start <= to_us(now) - 28 * DAY


@pytest.mark.long
def test_the_story_can_be_shown(tmp_path: Path) -> None:
    kept = "STORMWATCH_COMPILED_RULES"  # to compile them anew takes twenty seconds and is no part of the story
    clean = {name: value for name, value in os.environ.items() if name == kept or not name.startswith("STORMWATCH_")}
    command = Path(sys.executable).parent / "stormwatch"
    home = tmp_path / "demo"
    done = subprocess.run(
        [command, "demo", "--no-serve", "--json", "--home", home],
        env={**clean, "XDG_CONFIG_HOME": str(tmp_path / "configuration")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["cases_cleared"]
    assert told["cases_acted"]
    assert told["found_by_linking_alone"] in done.stderr
    assert "MADE UP" in done.stderr
    assert told["false_accusations"] <= told["accounts_suspended"] / 4
    assert told["planted_found"] > told["planted"] / 4
    bundle = Path(told["bundle"]).read_text()
    assert "acct_" not in bundle
    assert "acct_" not in Path(told["report"], "report.html").read_text()
    tokens = Path(told["tokens"])
    assert tokens.stat().st_mode & 0o777 == 0o600
    assert "swp_" not in done.stderr + done.stdout
