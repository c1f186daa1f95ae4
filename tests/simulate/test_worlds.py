"""A made-up world is the same each time, has the numbers asked for, and touches nothing that belongs to anybody."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest
import zstandard
from stix2validator import ValidationOptions, validate_string

from stormwatch.events.ingest import ingest_file
from stormwatch.model.errors import InvalidInput
from stormwatch.runtime import Runtime
from stormwatch.simulate.knobs import Knobs
from stormwatch.simulate.world import WorldReport, make_world

NOBODYS = [
    ipaddress.ip_network(text)
    for text in (
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "198.18.0.0/15",
        "100.64.0.0/10",
        "240.0.0.0/4",
        "2001:db8::/32",
    )
]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as raw:
        text = zstandard.ZstdDecompressor().stream_reader(raw).read()
    yield from (json.loads(line) for line in text.splitlines())


@pytest.fixture(scope="module")
def events(folder: Path) -> list[dict[str, Any]]:
    return list(lines(folder / "events.ndjson.zst"))


@pytest.fixture(scope="module")
def records(folder: Path) -> list[dict[str, Any]]:
    return list(lines(folder / "accounts.ndjson.zst"))


@pytest.fixture(scope="module")
def truth(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "truth.parquet").to_pylist()
    return rows


def test_the_same_arguments_give_the_same_world(tmp_path: Path) -> None:
    first, again, other = (
        make_world(tmp_path / name, accounts=200, events=1_500, seed=seed)
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert first.sha256 == again.sha256
    assert dict(first.sha256)["events.ndjson.zst"] != dict(other.sha256)["events.ndjson.zst"]


def test_numbers_are_those_asked_for(world: WorldReport, events: list[Any], records: list[Any]) -> None:
    assert (len(records), len(events)) == (1_500, 9_000)
    assert len({event["event_id"] for event in events}) == 9_000
    assert {event["account_id"] for event in events} == {record["account_id"] for record in records}
    assert sum(count for _, count in world.kinds) == 1_500


def test_events_come_in_order_of_time_within_the_four_weeks(world: WorldReport, events: list[Any]) -> None:
    times = [event["time"] for event in events]
    assert times == sorted(times)
    assert times[0] >= world.start
    assert times[-1] < "2024-02-12T00:00:00.000Z"


def test_nobody_acts_before_signing_up(events: list[Any], records: list[Any]) -> None:
    created = {record["account_id"]: record["created_time"] for record in records}
    assert all(event["time"] >= created[event["account_id"]] for event in events)


def test_every_address_belongs_to_nobody(folder: Path, events: list[Any], records: list[Any]) -> None:
    found = {event["source_ip"] for event in events if "source_ip" in event}
    found |= {record["signup_ip"] for record in records if "signup_ip" in record}
    told = (folder / "intel.stix.json").read_text() + (folder / "lead.json").read_text()
    said = " ".join(event["input"][0]["content"] for event in events)
    found |= set(re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", told + said))
    assert len(found) > 100
    assert not [ip for ip in found if not any(ipaddress.ip_address(ip) in network for network in NOBODYS)]


def test_every_domain_is_reserved(folder: Path, records: list[Any]) -> None:
    told = (folder / "intel.stix.json").read_text()
    domains = {record["email_domain"] for record in records} | set(re.findall(r"domain-name:value = '([^']+)'", told))
    assert not [domain for domain in domains if not domain.endswith((".example", ".test", ".invalid"))]


def test_the_store_takes_every_record_in(folder: Path, runtime: Runtime) -> None:
    for name, count in (("accounts.ndjson.zst", 1_500), ("events.ndjson.zst", 9_000)):
        report = ingest_file(runtime.events, folder / name, collector="gateway")
        assert (report.accepted, report.rejected, report.conflicting) == (count, 0, 0)


def test_truth_counts_what_was_written(events: list[Any], truth: list[Any]) -> None:
    counted = Counter(event["account_id"] for event in events)
    owner = {event["event_id"]: event["account_id"] for event in events}
    for row in truth:
        assert row["n_events"] == counted[row["account_id"]]
        assert {owner[event_id] for event_id in row["on_goal_event_ids"]} <= {row["account_id"]}


def test_planted_accounts_are_mostly_mundane(truth: list[Any]) -> None:
    planted = [row for row in truth if row["class"] == "planted" and row["kind"] not in {"lineage", "stolen-key"}]
    assert sum(len(row["on_goal_event_ids"]) for row in planted) < 0.5 * sum(row["n_events"] for row in planted)


def test_campaigns_stay_rare_and_have_twins(truth: list[Any]) -> None:
    kinds = Counter(row["kind"] for row in truth)
    planted = sum(row["class"] == "planted" for row in truth)
    assert planted <= 0.05 * len(truth)
    assert kinds["infra-twin"] == kinds["content-twin"] == 2 * planted


def test_owners_of_stolen_keys_are_victims(events: list[Any], truth: list[Any]) -> None:
    owners = {row["account_id"]: row for row in truth if row["kind"] == "stolen-key-owner"}
    assert owners
    for owner, row in owners.items():
        assert row["class"] == "confounder"
        mine = [event for event in events if event["account_id"] == owner]
        assert len({event["api_key_id"] for event in mine}) == 1
        assert len({event.get("source_ip") for event in mine}) > 1
        assert row["on_goal_event_ids"]


def test_a_lineage_is_one_program_handed_on(events: list[Any], truth: list[Any]) -> None:
    of = {row["account_id"]: row["campaign_id"] for row in truth if row["kind"] == "lineage"}
    goals = {event_id for row in truth if row["kind"] == "lineage" for event_id in row["on_goal_event_ids"]}
    said = [event for event in events if event["event_id"] in goals]
    assert len({event["account_id"] for event in said}) == len(of)
    texts = [set(event["input"][0]["content"].splitlines()) for event in said]
    shared = [len(a & b) / min(len(a), len(b)) for a, b in pairwise(texts)]
    assert sum(shared) / len(shared) > 0.4


def test_partners_say_true_stale_wrong_and_irrelevant_things_in_valid_stix(folder: Path) -> None:
    text = (folder / "intel.stix.json").read_text()
    assert validate_string(text, ValidationOptions(version="2.1", disabled=["202", "all-external-sources"])).is_valid
    servers = {
        ip
        for one in json.loads((folder / "campaigns.json").read_text())["campaigns"]
        for kind, ip in one["infrastructure"]
        if kind == "ip"
    }
    named = set(re.findall(r"ipv4-addr:value = '([^']+)'", text))
    assert named & servers
    assert named - servers
    assert any(ip.startswith("198.18.") for ip in named)


def test_the_lead_is_partly_wrong(folder: Path, events: list[Any], truth: list[Any]) -> None:
    kinds = {row["account_id"]: row["class"] for row in truth}
    lead = json.loads((folder / "lead.json").read_text())
    by_ip = defaultdict[str, set[str]](set)
    for event in events:
        by_ip[event.get("source_ip", "")].add(kinds[event["account_id"]])
    classes = [by_ip[one["value"]] for one in lead["observables"] if one["kind"] == "ipv4-addr"]
    assert {"planted"} in classes or {"planted", "confounder"} in classes
    assert {"confounder"} in classes


def test_evasion_ends_all_reuse(tmp_path: Path) -> None:
    make_world(tmp_path / "w", accounts=1_500, events=9_000, seed=5, knobs=Knobs(evasion=1.0))
    rows = {row["account_id"]: row for row in pq.read_table(tmp_path / "w" / "truth.parquet").to_pylist()}
    holders = defaultdict[str, set[str]](set)
    for record in lines(tmp_path / "w" / "accounts.ndjson.zst"):
        if rows[record["account_id"]]["class"] == "planted":
            for value in (record.get("device_id"), record.get("payment_fingerprint")):
                holders[value or record["account_id"]].add(record["account_id"])
    assert max(len(group) for group in holders.values()) == 1


@pytest.mark.parametrize("target", [260, 900])
def test_prompts_are_as_long_as_asked(tmp_path: Path, target: int) -> None:
    make_world(tmp_path / "w", accounts=600, events=6_000, seed=2, knobs=Knobs(prompt_chars=target))
    lengths = sorted(len(event["input"][0]["content"]) for event in lines(tmp_path / "w" / "events.ndjson.zst"))
    assert sum(lengths) / len(lengths) == pytest.approx(target, rel=0.25)
    assert lengths[-1] > 5 * target


def test_texts_vary(events: list[Any]) -> None:
    assert len({event["input"][0]["content"] for event in events}) > 0.7 * len(events)


@pytest.mark.parametrize(("accounts", "events"), [(10, 100), (200, 199), (200, 210)])
def test_numbers_that_cannot_be_met_are_refused(tmp_path: Path, accounts: int, events: int) -> None:
    with pytest.raises(InvalidInput):
        make_world(tmp_path / "w", accounts=accounts, events=events, seed=1)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="other things"):
        make_world(tmp_path, accounts=100, events=1_000, seed=1)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.shared
def test_files_have_the_form_of_the_development_worlds(
    shared: Path, folder: Path, events: list[Any], records: list[Any]
) -> None:
    known = pq.read_schema(shared / "worlds" / "dev-tiny" / "truth.parquet")
    made = pq.read_schema(folder / "truth.parquet")
    assert made.names == known.names
    for name, some in (("usage-event", events[:500]), ("account-record", records[:500])):
        schema = json.loads((shared / "spec" / f"{name}.schema.json").read_text())
        validator = jsonschema.Draft202012Validator(schema)
        for one in some:
            validator.validate(one)
            assert set(one) <= set(schema["properties"])
