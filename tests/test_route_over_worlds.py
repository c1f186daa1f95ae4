"""Development worlds go through the public commands whole, and every table of the interface comes out."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from command_line import stormwatch

TABLES = ("accounts", "links", "clusters", "detections", "cases", "actions")


def told(home: Path, *arguments: str) -> dict:
    called = stormwatch("--home", home, *arguments, "--json", environment={"STORMWATCH_KEY_FILE": f"{home}.key"})
    assert called.returncode == 0, called.stderr
    return json.loads(called.stdout)


def lines(path: Path) -> list[dict]:
    with zstandard.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in io.StringIO(file.read())]


@pytest.mark.long
@pytest.mark.shared
@pytest.mark.parametrize("name", ["dev-tiny", "dev-1"])
def test_a_world_goes_through_the_route_and_no_event_is_lost(name: str, shared: Path, tmp_path: Path) -> None:
    world, home = shared / "worlds" / name, tmp_path / "home"
    sent = lines(world / "events.ndjson.zst")
    records = lines(world / "accounts.ndjson.zst")
    told(home, "ingest", str(world / "accounts.ndjson.zst"))
    report = told(home, "ingest", str(world / "events.ndjson.zst"))
    assert (report["accepted"], report["rejected"], report["conflicting"]) == (len(sent), 0, 0)
    assert told(home, "ingest", str(world / "events.ndjson.zst"))["duplicate"] == len(sent)
    told(home, "intel", "import", str(world / "intel.stix.json"))
    assert told(home, "hunt")["events"] == len(sent)
    tables = {}
    for table in TABLES:
        output = tmp_path / f"{table}.ndjson"
        told(home, "export", table, "--format", "ndjson", "--output", str(output), "--all")
        tables[table] = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    counts = Counter(event["account_id"] for event in sent)
    exported = {row["account_id"]: row["event_count"] for row in tables["accounts"]}
    assert exported == {account: counts[account] for account in {*counts, *(r["account_id"] for r in records)}}
    check_values(tables)


def check_values(tables: dict[str, list[dict]]) -> None:
    assert all(0 <= row["risk"] <= 1 for row in tables["accounts"])
    assert sorted(row["risk_rank"] for row in tables["accounts"]) == list(range(1, len(tables["accounts"]) + 1))
    assert all(row["account_id_a"] < row["account_id_b"] for row in tables["links"])
    assert all(0 <= row["probability"] <= 1 and row["evidence"] for row in tables["links"])
    living = [row for row in tables["clusters"] if row["merged_into"] is None]
    assert living
    for row in living:
        assert sum(h["probability"] for h in row["hypotheses"]) == pytest.approx(1.0)
        assert row["calibrated_on"] == "simulated worlds"
        assert row["confidence"] in {"low", "moderate", "high"}
    assert tables["detections"]
    assert tables["actions"] == []
