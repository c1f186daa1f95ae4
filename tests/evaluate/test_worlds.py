"""A world that cannot be scored is refused with its reason, before anything is taken in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command_line import stormwatch
from stormwatch.evaluate.naive import component_hits, indicator_match, loudest_prompt, shared_address
from stormwatch.evaluate.outcome import count_hits
from stormwatch.evaluate.seen import read_seen
from stormwatch.evaluate.worlds import read_world
from stormwatch.hunt.exports.rows import DetectionRow
from stormwatch.model.errors import InvalidInput
from stormwatch.simulate.world import make_world

Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world as `simulate` writes it."""
    folder = tmp_path_factory.mktemp("worlds") / "small"
    make_world(folder, accounts=120, events=1_500, seed=3)
    return folder


@pytest.fixture
def small(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "small"))


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def truth(change: Callable[[pa.Table], pa.Table]) -> Change:
    def changed(folder: Path) -> None:
        path = folder / "truth.parquet"
        pq.write_table(change(pq.read_table(path)), path)

    return changed


def garbage(name: str) -> Change:
    return lambda folder: (folder / name).write_bytes(b"no such thing") and None


def campaigns(change: Callable[[dict[str, Any]], None]) -> Change:
    def changed(folder: Path) -> None:
        path = folder / "campaigns.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content), encoding="utf-8")

    return changed


def with_class(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.schema.get_field_index("class"), "class", pa.array([name] * len(table)))


def twice(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table])


def numbered(table: pa.Table) -> pa.Table:
    return table.set_column(table.schema.get_field_index("kind"), "kind", pa.array(range(len(table))))


SPOILT = {
    "no events": (without("events.ndjson.zst"), "events.ndjson.zst is missing"),
    "no intelligence": (without("intel.stix.json"), "intel.stix.json is missing"),
    "no truth": (without("truth.parquet"), "it carries no truth: truth.parquet is missing"),
    "no campaigns": (without("campaigns.json"), "it carries no truth: campaigns.json is missing"),
    "a truth that is none": (garbage("truth.parquet"), "the truth cannot be read"),
    "campaigns that are none": (garbage("campaigns.json"), "the campaigns cannot be read"),
    "an empty truth": (truth(lambda table: table.slice(0, 0)), "the truth is empty"),
    "a column too few": (truth(lambda table: table.drop_columns(["isolated"])), "lacks the column isolated"),
    "a column of another type": (truth(numbered), "the truth does not fit"),
    "a class of its own": (truth(with_class("saint")), "has the class 'saint'"),
    "an account twice": (truth(twice), "in the truth twice"),
    "a campaign of strangers": (
        campaigns(lambda content: content["campaigns"][0]["account_ids"].append("acct_nobody")),
        "claims acct_nobody",
    ),
    "a campaign left out": (campaigns(lambda content: content["campaigns"].pop()), "which is not listed"),
    "a time that is none": (
        campaigns(lambda content: content["campaigns"][0].update(first_on_goal_time="soon")),
        "the campaigns cannot be read",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_world_is_refused_before_anything_is_taken_in(name: str, made: Path, small: Path) -> None:
    change, reason = SPOILT[name]
    change(small)
    homes = small.parent / "homes"
    whole = Path(shutil.copytree(made, small.parent / "whole"))
    called = stormwatch("evaluate", whole, small, "--home", homes)
    assert (called.returncode, called.stdout) == (1, "")
    assert reason in called.stderr
    assert str(small) in called.stderr
    assert not homes.exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    called = stormwatch("evaluate", tmp_path / "nowhere")
    assert (called.returncode, "there is no such folder" in called.stderr) == (1, True)


def test_two_worlds_of_one_name(small: Path) -> None:
    called = stormwatch("evaluate", small, small)
    assert (called.returncode, "two worlds are called small" in called.stderr) == (1, True)


@pytest.mark.parametrize("options", [("--reuse",), ("--html", "nowhere/page.html"), ("--resamples", "1")])
def test_options_that_cannot_be(options: tuple[str, ...], small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small)
    assert stormwatch("evaluate", small, *options).returncode == 2


def test_what_the_simulator_writes_is_what_is_read(made: Path) -> None:
    world = read_world(made)
    assert len(world.accounts) == 120
    assert world.campaigns
    members = {account for campaign in world.campaigns for account in campaign.account_ids}
    assert members == {one.account_id for one in world.accounts if one.category == "planted"}
    assert all(campaign.actor in campaign.right for campaign in world.campaigns)
    raw = json.loads((made / "campaigns.json").read_text(encoding="utf-8"))["campaigns"]
    assert all({"false_flag", "imitated_actor", "first_on_goal_time"} <= set(campaign) for campaign in raw)


def test_events_cut_off_in_the_middle_are_told(small: Path) -> None:
    path = small / "events.ndjson.zst"
    path.write_bytes(b"no zstd")
    with pytest.raises(InvalidInput, match=r"events\.ndjson\.zst"):
        read_seen(small, frozenset())


def test_what_is_seen_of_a_world(made: Path) -> None:
    world = read_world(made)
    planted = frozenset(account for campaign in world.campaigns for account in campaign.account_ids)
    seen = read_seen(made, planted)
    assert sum(seen.events.values()) == 1_500
    assert set(seen.times_us) <= planted
    assert sum(map(len, seen.times_us.values())) == sum(seen.events.get(account, 0) for account in planted)
    assert {kind for kind, _ in seen.holders} == {"source_ip", "device", "key", "payment"}


def detection(account: str, rule: str, score: float = 0.5) -> DetectionRow:
    return DetectionRow("e", account, None, rule, "1", [], score)


def test_naive_rules_by_hand() -> None:
    from stormwatch.evaluate.seen import Seen

    holders = {
        ("source_ip", "192.0.2.1"): frozenset("ab"),
        ("source_ip", "192.0.2.2"): frozenset("bcde"),
        ("source_ip", "192.0.2.3"): frozenset("f"),
        ("device", "d"): frozenset("cf"),
        ("payment", "p"): frozenset(["g", *(str(number) for number in range(10))]),
    }
    seen = Seen(holders, dict.fromkeys("abcdefg", 1), {})
    rows = [
        detection("a", "indicator:source-ip"),
        detection("a", "indicator:content"),
        detection("b", "rule-1", 0.3),
        detection("b", "rule-2", 0.7),
        detection("c", "detector:tempo", 0.9),
        detection("g", "rule-1"),
    ]
    hits = count_hits(rows)
    assert shared_address(seen, hits) == {"a": 1 / 2, "b": 1 / 2, "c": 1 / 4, "d": 1 / 4, "e": 1 / 4}
    assert indicator_match(seen, hits) == {"a": 2.0}
    assert loudest_prompt(seen, hits) == {"b": 0.7, "g": 0.5}
    component = component_hits(seen, hits)
    # a to f hang together, two of six were hit; eleven share g's payment, which ties nobody.
    assert [component[account] for account in "abcdef"] == pytest.approx([2 / 6] * 6)
    assert component["g"] == 0.0
