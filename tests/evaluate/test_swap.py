"""A swapped world differs in countries and hours of a tenth of its accounts, and in nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stormwatch.evaluate.outcome import Hits, Outcome, Verdict
from stormwatch.evaluate.streams import read_stream
from stormwatch.evaluate.swap import Swap, compare, swapped_world
from stormwatch.evaluate.worlds import World, given_files, read_world
from stormwatch.model.times import HOUR, parse_rfc3339
from stormwatch.simulate.world import make_world

MOVED = {"time", "created_time", "country", "signup_country", "claimed_country"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("worlds") / "small"
    make_world(folder, accounts=120, events=1_500, seed=3)
    return read_world(folder)


def rows(path: Path) -> list[dict[str, Any]]:
    return list(read_stream(path, dict[str, Any]))


def test_only_countries_and_times_of_the_moved_are_others(world: World, tmp_path: Path) -> None:
    other, moved = swapped_world(world, tmp_path)
    assert len(moved) == 12
    hours: dict[str, set[int]] = {account: set() for account in moved}
    for name, time in (("events.ndjson.zst", "time"), ("accounts.ndjson.zst", "created_time")):
        for was, now in zip(rows(world.path / name), rows(other.path / name), strict=True):
            assert was.keys() == now.keys()
            differing = {key for key in was if was[key] != now[key]}
            if was["account_id"] not in moved:
                assert differing == set()
                continue
            assert differing <= MOVED
            assert {key for key in MOVED - {"time", "created_time"} if was.get(key)} <= differing
            hours[was["account_id"]].add((parse_rfc3339(now[time]) - parse_rfc3339(was[time])) // HOUR)
    assert all(len(shifts) == 1 and abs(shifts.pop()) in {3, 6, 9} for shifts in hours.values())


def test_countries_that_agreed_still_agree(world: World, tmp_path: Path) -> None:
    other, _ = swapped_world(world, tmp_path)
    name = "accounts.ndjson.zst"
    for was, now in zip(rows(world.path / name), rows(other.path / name), strict=True):
        assert (was.get("signup_country") == was.get("claimed_country")) == (
            now.get("signup_country") == now.get("claimed_country")
        )


def test_the_same_world_is_swapped_the_same_way(world: World, tmp_path: Path) -> None:
    (tmp_path / "once").mkdir()
    (tmp_path / "again").mkdir()
    once, moved = swapped_world(world, tmp_path / "once")
    again, also_moved = swapped_world(world, tmp_path / "again")
    assert moved == also_moved
    assert [path.read_bytes() for path in given_files(once)] == [path.read_bytes() for path in given_files(again)]
    assert [path.name for path in given_files(once)] == [path.name for path in given_files(world)]


def outcome(**risks: float) -> Outcome:
    verdicts = {account: Verdict(risk, None, None) for account, risk in risks.items()}
    return Outcome(verdicts, (), Hits({}, frozenset(), {}), 0.5)


def test_changes_by_hand() -> None:
    before, after = outcome(a=0.1, b=0.2, c=0.4, d=0.9), outcome(a=0.1, b=0.3, c=0.6, d=0.9 + 1e-12)
    found = compare(before, after, frozenset("ab"))
    assert found == Swap(2, 1, 1, pytest.approx(0.2), 1)
    assert found + found == Swap(4, 2, 2, pytest.approx(0.2), 2)
