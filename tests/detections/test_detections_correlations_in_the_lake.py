"""Firings in the lake are those of the tables as they are now, whatever was computed before; the stream agrees."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from stormwatch.detections.correlations.correlating_lake import correlate, hits_of_lake
from stormwatch.detections.correlations.correlation_stream import CorrelationStream
from stormwatch.detections.rulebook.rules import RulePack, read_pack
from stormwatch.detections.rulebook.ruleset import RuleSet
from stormwatch.detections.run import detect
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake, LakeChange

WORDS = ("alpha", "beta", "nothing")
IDS = {"alpha": "a0000000-0000-4000-8000-000000000000", "beta": "b0000000-0000-4000-8000-000000000000"}
BY_ACCOUNT, BY_SESSION, BY_CLUSTER, ABOVE = (f"{number}c000000-0000-4000-8000-000000000000" for number in range(4))
HEAD = "---\ntitle: {title}\nid: {rule_id}\nname: {title}\ntags: [llm.09]\nfalsepositives: [none]\nlevel: high\n{more}"
CORRELATIONS = (
    HEAD.format(title="often", rule_id=BY_ACCOUNT, more="")
    + "correlation: {type: event_count, rules: [alpha], group-by: [account_id], timespan: 20s, condition: {gte: 3}}\n"
    + HEAD.format(title="both", rule_id=BY_SESSION, more="")
    + "correlation: {type: temporal, rules: [alpha, beta], group-by: [session_id], timespan: 5s}\n"
    + HEAD.format(title="together", rule_id=BY_CLUSTER, more="")
    + "correlation: {type: value_count, rules: [alpha], group-by: [cluster], timespan: 20s,"
    + " condition: {gte: 2, field: account_id}}\n"
    + HEAD.format(title="twice", rule_id=ABOVE, more="shadow: true\n")
    + "correlation: {type: event_count, rules: [often, both], group-by: [account_id], timespan: 1m,"
    + " condition: {gte: 2}}\n"
)


@pytest.fixture
def pack(tmp_path: Path, rule_text: Callable[..., str]) -> RulePack:
    folder = tmp_path / "rules"
    folder.mkdir()
    for word, rule_id in IDS.items():
        detection = f"words:\n  prompt|contains: {word}\ncondition: words"
        text = rule_text(detection, rule_id=rule_id, title=word, more=f"name: {word}\n")
        (folder / f"{word}.yml").write_text(text, encoding="utf-8")
    (folder / "correlations.yml").write_text(CORRELATIONS.removeprefix("---\n"), encoding="utf-8")
    made = read_pack([folder])
    assert not made.errors
    return made


def rows(event: Callable[..., Any], name: str, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [
        event(
            chance.randrange(100),
            " ".join(chance.choices(WORDS, k=2)),
            event_id=f"{name}-{number}",
            account_id=f"account-{chance.randrange(3)}",
            session_id=chance.choice(["s", "t", None]),
        )
        for number in range(chance.randrange(1, 30))
    ]


def firings(lake: Lake) -> list[dict[str, Any]]:
    found = [row for row in lake.read("detections").to_pylist() if row["kind"] == "correlation"]
    return sorted(found, key=repr)


def hunt(lake: Lake, keyring: Keyring, pack: RulePack, clusters: dict[str, str], *, full: bool = False) -> None:
    detect(lake, keyring, RuleSet(pack.rules, pack.correlations), [], full=full)
    correlate(lake, pack.correlations, full=full)
    correlate(lake, pack.correlations, clusters=clusters, full=full)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_news_gives_what_a_full_run_gives(
    lake: Lake,
    keyring: Keyring,
    pack: RulePack,
    add_segment: Callable[..., None],
    event: Callable[..., Any],
    seed: int,
) -> None:
    chance = random.Random(seed)
    clusters: dict[str, str] = {}
    for step in range(4):
        if chance.random() < 0.7:
            add_segment(f"s{step}", rows(event, f"s{step}", seed * 10 + step))
        else:
            clusters = {f"account-{number}": "cluster-1" for number in range(chance.randrange(4))}
        hunt(lake, keyring, pack, clusters)
        incremental = firings(lake)
        hunt(lake, keyring, pack, clusters, full=True)
        assert firings(lake) == incremental


@pytest.fixture
def hunted(
    lake: Lake, keyring: Keyring, pack: RulePack, add_segment: Callable[..., None], event: Callable[..., Any]
) -> Sequence[dict[str, Any]]:
    for number in range(3):
        add_segment(f"s{number}", rows(event, f"s{number}", number + 40))
    hunt(lake, keyring, pack, {"account-0": "cluster-1", "account-1": "cluster-1"})
    return firings(lake)


def test_a_firing_names_its_group_and_only_one_about_an_account_is_held_against_it(
    hunted: Sequence[dict[str, Any]],
) -> None:
    by_rule = {row["rule_id"]: row for row in hunted}
    assert set(by_rule) == {BY_ACCOUNT, BY_SESSION, BY_CLUSTER, ABOVE}
    assert by_rule[BY_ACCOUNT]["techniques"] == ["LLM-09"]
    assert by_rule[BY_ACCOUNT]["observable_value"] == by_rule[BY_ACCOUNT]["account_id"]
    for rule_id, kind in ((BY_SESSION, "session_id"), (BY_CLUSTER, "cluster")):
        assert by_rule[rule_id]["techniques"] == []
        assert by_rule[rule_id]["observable_kind"] == kind
    assert by_rule[BY_CLUSTER]["observable_value"] == "cluster-1"
    assert {row["shadow"] for row in hunted if row["rule_id"] == ABOVE} == {True}


@pytest.mark.usefixtures("hunted")
def test_nothing_new_writes_nothing_and_a_dropped_correlation_takes_its_firings_along(
    lake: Lake, keyring: Keyring, pack: RulePack
) -> None:
    clusters = {"account-0": "cluster-1", "account-1": "cluster-1"}
    version = lake.manifest().version
    hunt(lake, keyring, pack, clusters)
    assert lake.manifest().version == version
    hunt(lake, keyring, RulePack(pack.rules, (), pack.correlations[:0]), clusters)
    assert not firings(lake)


def test_erased_texts_leave_the_firings(
    lake: Lake, keyring: Keyring, pack: RulePack, hunted: Sequence[dict[str, Any]]
) -> None:
    lake.commit(LakeChange(drop=frozenset(file.path for file in lake.files("texts"))))
    hunt(lake, keyring, pack, {"account-0": "cluster-1", "account-1": "cluster-1"}, full=True)
    assert firings(lake) == hunted


def test_a_stream_that_is_rebuilt_from_the_lake_stands_where_the_hunt_stands(
    lake: Lake, pack: RulePack, hunted: Sequence[dict[str, Any]]
) -> None:
    hits = list(hits_of_lake(lake, pack.correlations))
    random.Random(1).shuffle(hits)
    stream = CorrelationStream(pack.correlations)
    standing: set[tuple[str, str, int]] = set()
    for start in range(0, len(hits), 7):
        changes = stream.feed(hits[start : start + 7])
        standing -= {(one.correlation_id, one.event_id, one.time_us) for one in changes.withdrawn}
        standing |= {(one.correlation_id, one.event_id, one.time_us) for one in changes.fired}
    expected = {(row["rule_id"], row["event_id"], row["time_us"]) for row in hunted if row["rule_id"] != BY_CLUSTER}
    assert standing == expected
