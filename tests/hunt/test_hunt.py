"""A hunt finds a campaign by its links, leaves bystanders alone, and gives the same however often it runs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from stormwatch.hunt.exports.accounts import account_rows
from stormwatch.hunt.exports.clusters import cluster_rows
from stormwatch.hunt.exports.rows import AccountRow
from stormwatch.model.times import HOUR, format_rfc3339, parse_rfc3339
from stormwatch.runtime import Runtime
from stormwatch.storage.schemas import TABLES

pytestmark = pytest.mark.xdist_group("hunt")  # homes that were hunted in are shared

World = tuple[list[dict], list[dict]]
Hunted = Callable[[list[dict], list[dict]], Runtime]
DERIVED = (
    "detections", "observables", "fingerprints", "request_shapes", "findings",
    "account_day", "account_evidence", "links", "clusters", "assessments",
)  # fmt: skip


def accounts(runtime: Runtime) -> dict[str, AccountRow]:
    with runtime.engine() as engine:
        return {
            row.account_id: row
            for row in account_rows(engine, runtime.lake, runtime.database, threshold=0.5, everyone=True)
        }


def risks(runtime: Runtime) -> dict[str, float]:
    return {account: row.risk for account, row in accounts(runtime).items()}


def test_the_campaign_is_one_case_with_the_members_that_only_linking_finds(world: World, hunted: Hunted) -> None:
    found = accounts(hunted(*world))
    assert len({found[f"campaign-{number}"].cluster_id for number in (1, 2, 3, 4)}) == 1
    assert len({found[f"campaign-{number}"].case_id for number in (1, 2, 3, 4)} - {None}) == 1
    assert "indicator-hit" not in {piece.kind for piece in found["campaign-4"].evidence}
    assert found["campaign-4"].risk >= 0.5


def test_ordinary_accounts_have_no_case_and_the_prior_as_their_risk(world: World, hunted: Hunted) -> None:
    ordinary = [row for row in accounts(hunted(*world)).values() if row.account_id.startswith("ordinary")]
    assert {row.case_id for row in ordinary} == {None}
    assert max(row.risk for row in ordinary) < 0.05


def test_event_counts_ranks_and_times_are_those_of_the_events(world: World, hunted: Hunted) -> None:
    found = accounts(hunted(*world))
    assert {row.event_count for row in found.values()} == {8}
    assert sorted(row.risk_rank for row in found.values()) == list(range(1, len(found) + 1))
    flagged = found["campaign-1"]
    assert flagged.flagged_time is not None
    assert flagged.first_event_time <= flagged.flagged_time <= flagged.last_event_time


def test_a_source_that_names_an_actor_puts_it_first_and_hypotheses_add_to_one(world: World, hunted: Hunted) -> None:
    runtime = hunted(*world)
    clusters = [row for row in cluster_rows(runtime.lake, runtime.database) if "campaign-1" in row.account_ids]
    assert clusters[0].hypotheses[0].hypothesis == "forest-blizzard"
    assert sum(h.probability for h in clusters[0].hypotheses) == pytest.approx(1.0)
    assert clusters[0].calibrated_on == "simulated worlds"


def test_language_country_and_hours_leave_the_risk_of_everybody_unchanged(world: World, hunted: Hunted) -> None:
    before = risks(hunted(*world))
    events, records = copy.deepcopy(world)
    for event in events:
        if event["account_id"] in {"campaign-4", "ordinary-000", "ordinary-001"}:
            event["country"] = "KP"
            event["time"] = format_rfc3339(parse_rfc3339(event["time"]) + 9 * HOUR)
            event["input"][0]["content"] = "이 편지를 짧게 줄여 주세요."
    for record in records:
        record["signup_country"] = record["claimed_country"] = "KP"
    assert risks(hunted(events, records)) == pytest.approx(before)


def test_the_topic_of_an_account_that_is_linked_to_nobody_leaves_its_risk_unchanged(
    world: World, hunted: Hunted
) -> None:
    before = risks(hunted(*world))
    events, records = copy.deepcopy(world)
    for event in events:
        if event["account_id"] == "ordinary-010":
            event["input"][0]["content"] = "How does synthetic aperture radar see through cloud?"
        if event["account_id"] == "ordinary-011":
            event["input"][0]["content"] = "I want to switch the virus scanner off for my lab."
    runtime = hunted(events, records)
    assert "00000000-0000-4000-8000-000000000002" in set(runtime.lake.read("detections")["rule_id"].to_pylist())
    after = risks(runtime)
    assert after["ordinary-010"] == pytest.approx(before["ordinary-010"])
    assert after["ordinary-011"] == pytest.approx(before["ordinary-011"])


def test_a_second_hunt_and_a_full_one_change_nothing(world: World, hunted: Hunted) -> None:
    runtime = hunted(*world)
    before = {table: _sorted(runtime, table) for table in DERIVED}
    assert runtime.hunt().cases_opened == 0
    assert {table: _sorted(runtime, table) for table in DERIVED} == before
    assert runtime.hunt(full=True).cases_opened == 0
    assert {table: _sorted(runtime, table) for table in DERIVED} == before


def test_events_that_come_in_two_parts_give_what_they_give_at_once(
    world: World, hunted: Hunted, tmp_path: Path
) -> None:
    events, records = world
    whole = risks(hunted(events, records))
    runtime = hunted(events[: len(events) // 2], records)
    from stormwatch.events.ingest import ingest_file

    rest = tmp_path / "rest.ndjson"
    import json

    rest.write_text("".join(json.dumps(event) + "\n" for event in events[len(events) // 2 :]), encoding="utf-8")
    ingest_file(runtime.events, rest, collector="test")
    runtime.hunt()
    assert risks(runtime) == pytest.approx(whole)


def test_a_window_of_time_leaves_out_what_lies_outside(world: World, hunted: Hunted) -> None:
    runtime = hunted(*world)
    report = runtime.hunt(until_us=parse_rfc3339("2026-03-04T00:00:00Z"))
    assert report.events == 2 * len(world[1])
    assert report.above_threshold == 0


@dataclass(frozen=True)
class _Rows:
    rows: tuple[str, ...]


def _sorted(runtime: Runtime, table: str) -> _Rows:
    rows: pa.Table = runtime.lake.read(table)
    return _Rows(tuple(sorted(repr(row) for row in rows.to_pylist())))


def test_nobody_is_flagged_whose_own_risk_stays_below_the_threshold(world: World, hunted: Hunted) -> None:
    runtime = hunted(*world)
    clusters = runtime.lake.read("clusters").to_pylist()
    for row in clusters:
        firmly = zip(row["account_ids"], row["membership"], strict=True)
        row["membership"] = [0.1 if account == "campaign-4" else belongs for account, belongs in firmly]
    runtime.lake.replace("clusters", pa.Table.from_pylist(clusters, schema=TABLES["clusters"]))
    found = accounts(runtime)
    assert (found["campaign-4"].risk < 0.5, found["campaign-4"].flagged_time) == (True, None)
    assert found["campaign-1"].flagged_time is not None
