"""Each detector finds what it is for, and leaves alone those who show something like it innocently."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest

from stormwatch.detections.detectors.autonomous_workflow import Workflow, levels_of
from stormwatch.detections.detectors.finding import Finding
from stormwatch.detections.detectors.run import registry, run_detectors
from stormwatch.detections.detectors.settings import detector_settings
from stormwatch.model.times import DAY, HOUR, MINUTE, SECOND
from stormwatch.storage.duckdb_engine import DuckDBEngine
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import ACCOUNT_RECORDS, EVENTS, REQUEST_SHAPES

Row = dict[str, Any]
Find = Callable[..., dict[str, Finding]]
START = 20_000 * DAY
DETECTORS = {detector.name: detector for detector in registry(detector_settings())}


@pytest.fixture
def engine(tmp_path: Any) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine(tmp_path / "spill")
    yield made
    made.close()


@pytest.fixture
def find(engine: DuckDBEngine) -> Find:
    """Runs one detector over events, records and shapes given as rows."""

    def run(name: str, events: Sequence[Row], records: Sequence[Row] = (), shapes: Sequence[Row] = ()) -> Any:
        register(engine, events, records, shapes)
        found = list(DETECTORS[name].find(engine))
        assert len({finding.account_id for finding in found}) == len(found)
        assert all(0 < finding.score <= 1 and finding.summary for finding in found)
        return {finding.account_id: finding for finding in found}

    return run


def register(engine: DuckDBEngine, events: Sequence[Row], records: Sequence[Row], shapes: Sequence[Row]) -> None:
    for name, rows, schema in (
        ("events", events, EVENTS),
        ("account_records", records, ACCOUNT_RECORDS),
        ("request_shapes", shapes, REQUEST_SHAPES),
    ):
        columns = {column: [row.get(column) for row in rows] for column in schema.names}
        engine.register(name, pa.table(columns, schema=schema))


def requests(account: str, gaps: Sequence[int], **more: Any) -> list[Row]:
    """Events of an account with these gaps in between; what is callable is asked for each event's number."""
    rows, time_us = [], START
    for number, gap in enumerate((0, *gaps)):
        time_us += gap
        given = {name: value(number) if callable(value) else value for name, value in more.items()}
        row = {"event_id": f"{account}-{number:04d}", "account_id": account, "time_us": time_us, "ip_source": "socket"}
        rows.append({**row, **given})
    return rows


def test_machine_tempo_is_a_run_and_completes_with_its_twentieth_request(find: Find) -> None:
    machine = requests("machine", [SECOND] * 30)
    person = requests("person", [40 * SECOND, SECOND, SECOND] * 20)
    found = find("machine-tempo", [*person, *machine])
    assert set(found) == {"machine"}
    assert found["machine"].event_id == "machine-0019"


def test_a_scheduled_job_with_pauses_has_no_machine_tempo(find: Find) -> None:
    assert find("machine-tempo", requests("cron", [5 * MINUTE] * 200)) == {}


def workflow(
    steps: int, tool_steps: int, decisions: int, number: int = 1, start: int = START, lasts: int = HOUR
) -> Workflow:
    return Workflow("account", number, steps, tool_steps, tool_steps, decisions, 1, start, start + lasts, 1)


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (workflow(30, 0, 25), 0),
        (workflow(30, 3, 25), 1),
        (workflow(30, 20, 25), 2),
        (workflow(200, 150, 6), 3),
        (workflow(2000, 1500, 6, lasts=10 * HOUR), 4),
    ],
)
def test_levels_of_autonomy(seen: Workflow, level: int) -> None:
    assert [found for _, found in levels_of([seen], DETECTORS["autonomous-workflow"].settings)] == [level]


def test_what_begins_at_one_time_of_day_is_unattended_whichever_time_that_is() -> None:
    settings = DETECTORS["autonomous-workflow"].settings
    for hour in range(0, 24, 5):
        daily = [workflow(50, 40, 2, day, START + day * DAY + hour * HOUR) for day in range(4)]
        assert [level for _, level in levels_of(daily, settings)] == [4] * 4
    by_hand = [workflow(50, 40, 2, day, START + day * DAY + day * HOUR) for day in range(4)]
    assert [level for _, level in levels_of(by_hand, settings)] == [3] * 4


def test_an_agent_is_found_and_a_person_with_an_assistant_or_a_bulk_run_is_not(find: Find) -> None:
    agent = requests("agent", [3 * SECOND] * 60, tool_calls=lambda n: n % 4 and 1, tools_offered="run_shell")
    assistant = requests("assistant", [45 * SECOND] * 60, tool_calls=1, tools_offered="read_file")
    bulk = requests("bulk", [SECOND] * 300, tool_calls=0)
    found = find("autonomous-workflow", [*agent, *assistant, *bulk])
    assert set(found) == {"agent"}
    assert (found["agent"].level, found["agent"].event_id) == (3, "agent-0060")


def test_retries_count_at_once_or_elsewhere_and_one_declined_question_does_not(find: Find) -> None:
    stubborn = requests(
        "stubborn", [30 * SECOND] * 11, refused=lambda n: n % 2 == 0, session_id=lambda n: f"s{n // 4}", model="large"
    )
    splitting = requests(
        "splitting", [5 * MINUTE] * 7, refused=True, session_id=lambda n: f"t{n}", model=lambda n: f"m{n % 2}"
    )
    honest = requests("honest", [30 * SECOND] * 11, refused=lambda n: n == 4, session_id="s", model="large")
    patient = requests("patient", [HOUR] * 11, refused=lambda n: n % 2 == 0, session_id="s", model="large")
    found = find("refusal-and-retry", [*stubborn, *splitting, *honest, *patient])
    assert set(found) == {"stubborn", "splitting"}
    assert "7 of another model" in found["splitting"].summary


def template_users(
    names: Sequence[str], *, uses: int, others: int = 1, openings: int = 2, same: bool = False, **record: Any
) -> tuple[list[Row], list[Row], list[Row]]:
    """Accounts that fill in templates `uses` times and ask something else `others` times."""
    events, shapes, records = [], [], []
    for number, name in enumerate(names):
        made = requests(name, [MINUTE] * (uses + others - 1))
        events += made
        for place, row in enumerate(made[:uses]):
            key = {column: row[column] for column in ("event_id", "account_id", "time_us")}
            rest = 7 if same else 100 + number * 1000 + place
            shapes.append({**key, "opening": 1 + place % openings, "closing": 5, "chars": rest, "probe": False})
        records.append({"account_id": name, "email_domain": f"mail{number % 3}.example", **record})
    return events, shapes, records


def population(*groups: tuple[list[Row], list[Row], list[Row]]) -> tuple[list[Row], list[Row], list[Row]]:
    events, shapes, records = ([row for group in groups for row in group[part]] for part in range(3))
    bystanders = [{"account_id": f"bystander-{n}", "email_domain": f"mail{n % 3}.example"} for n in range(600)]
    return events, [*records, *bystanders], shapes


def test_a_population_over_many_accounts_is_found(find: Find) -> None:
    ring = template_users([f"ring-{n}" for n in range(20)], uses=12, others=2)
    found = find("template-population", *population(ring))
    assert len(found) == 20
    assert "12 of 14 requests" in found["ring-3"].summary
    assert found["ring-3"].event_id == "ring-3-0005"


@pytest.mark.parametrize(
    "innocent",
    [
        template_users([f"class-{n}" for n in range(30)], uses=4, others=0),
        template_users([f"pupil-{n}" for n in range(30)], uses=12, email_domain="school.example"),
        template_users([f"evaluator-{n}" for n in range(8)], uses=200, others=0),
        template_users([f"firm-{n}" for n in range(30)], uses=40, org_id="firm"),
        template_users([f"library-{n}" for n in range(30)], uses=10, others=30),
        template_users([f"monitor-{n}" for n in range(30)], uses=40, same=True, openings=1),
    ],
    ids=["class", "school", "bulk evaluation", "declared firm", "prompt library", "the same prompt again"],
)
def test_innocent_users_of_templates_are_left_alone(find: Find, innocent: tuple[list[Row], ...]) -> None:
    assert find("template-population", *population(innocent)) == {}


def holder(account: str = "holder", key: str = "key-1") -> list[Row]:
    return requests(
        account, [6 * HOUR] * 30, user_agent="Mozilla/5.0", source_ip="192.0.2.7", asn=64500, api_key_id=key, model="m1"
    )


def other_client(account: str = "holder", **more: Any) -> list[Row]:
    usual = {
        "user_agent": "python-client/2", "source_ip": lambda n: f"198.51.100.{n % 3}", "asn": lambda n: 64600 + n % 3,
        "api_key_id": "key-1", "model": "m1",
    }  # fmt: skip
    rows = requests(account, [HOUR] * 8, **(usual | more))
    return [{**row, "event_id": "other-" + row["event_id"], "time_us": row["time_us"] + 2 * DAY} for row in rows]


def probe(row: Row) -> Row:
    return {**{name: row[name] for name in ("event_id", "account_id", "time_us")}, "probe": True, "chars": 5}


def test_a_stolen_key_is_found_by_network_client_and_key_tests(find: Find) -> None:
    thief = other_client()
    found = find("key-misuse", [*holder(), *thief], shapes=[probe(thief[0])])
    assert set(found) == {"holder"}
    assert found["holder"].event_id == "other-holder-0000"
    assert "test whether a key is alive" in found["holder"].summary


def test_an_address_that_uses_the_keys_of_two_holders_is_a_sign(find: Find) -> None:
    both = [*holder(), *other_client(), *holder("second", "key-1"), *other_client("second")]
    assert set(find("key-misuse", both)) == {"holder", "second"}


@pytest.mark.parametrize(
    "innocent",
    [
        other_client(user_agent="Mozilla/5.0"),
        other_client(source_ip="198.51.100.9", asn=64600, model="m2"),
        other_client(source_ip="192.0.2.8", asn=64500, model="m2"),
        other_client(api_key_id="key-2", model="m2"),
        [{**row, "time_us": row["time_us"] + 10 * DAY} for row in other_client(model="m2")],
        other_client(ip_source="asserted", model="m2"),
    ],
    ids=["travel", "one new deployment", "colleague at home", "own key", "moved over", "asserted addresses"],
)
def test_innocent_second_clients_are_left_alone(find: Find, innocent: list[Row]) -> None:
    assert find("key-misuse", [*holder(), *innocent]) == {}


def test_countries_do_not_matter_to_any_detector(find: Find) -> None:
    thief = other_client()
    rows = [*holder(), *thief]
    moved = [{**row, "country": "KP" if number % 2 else "DE", "script": "Hang"} for number, row in enumerate(rows)]
    for name in DETECTORS:
        assert find(name, rows, shapes=[probe(thief[0])]) == find(name, moved, shapes=[probe(thief[0])])


def sign_ups(count: int, gap: int, **more: Any) -> list[Row]:
    return [
        {"account_id": f"made-{n}", "created_us": START + n * gap, "email_domain": f"mail{n % 3}.example", **more}
        for n in range(count)
    ]


def test_accounts_made_in_a_row_with_one_device_are_a_farm(find: Find) -> None:
    mail = [{"account_id": f"b{n}", "email_domain": f"mail{n % 3}.example"} for n in range(300)]
    found = find("account-farm", [], [*sign_ups(9, HOUR, device_id="emulator"), *mail])
    assert len(found) == 9
    assert found["made-0"].time_us == START + 5 * HOUR
    assert found["made-8"].time_us == START + 8 * HOUR


@pytest.mark.parametrize(
    "innocent",
    [
        sign_ups(30, MINUTE, signup_ip="192.0.2.9", email_domain="school.example"),
        sign_ups(30, MINUTE, signup_ip="192.0.2.9", org_id="firm"),
        sign_ups(4, MINUTE, device_id="family"),
        sign_ups(40, 3 * DAY, signup_ip="192.0.2.9"),
        sign_ups(200, MINUTE, signup_ip="192.0.2.9"),
    ],
    ids=["class", "firm", "family", "carrier's address", "large network"],
)
def test_innocent_sign_ups_are_left_alone(find: Find, innocent: list[Row]) -> None:
    assert find("account-farm", [], innocent) == {}


def resold(account: str, networks: int, clients: int, gap: int, **more: Any) -> list[Row]:
    return requests(
        account, [gap] * 60, source_ip=lambda n: f"192.0.2.{n % networks}", asn=lambda n: 64500 + n % networks,
        user_agent=lambda n: f"browser/{n % clients}", tls_fingerprint=lambda n: f"t{n % clients}", **more,
    )  # fmt: skip


def test_one_account_used_by_many_strangers_at_once_is_resold(find: Find) -> None:
    assert set(find("account-resale", resold("sold", 9, 8, MINUTE))) == {"sold"}


@pytest.mark.parametrize(
    "innocent",
    [
        resold("platform", 9, 8, MINUTE, end_user_id=lambda n: f"customer-{n % 9}"),
        resold("family", 3, 4, MINUTE),
        resold("roaming", 20, 1, MINUTE),
        resold("traveller", 9, 8, 3 * HOUR),
        resold("university", 1, 40, SECOND),
    ],
    ids=["declared customers", "family", "one who roams", "one at a time", "one network"],
)
def test_innocent_shared_accounts_are_left_alone(find: Find, innocent: list[Row]) -> None:
    assert find("account-resale", innocent) == {}


def test_findings_are_also_detections_replaced_by_each_run(engine: DuckDBEngine, lake: Lake) -> None:
    register(engine, requests("machine", [SECOND] * 30), (), ())
    for _ in range(2):
        assert run_detectors(engine, lake, detector_settings()) == 1
    (row,) = lake.read("detections").to_pylist()
    (finding,) = lake.read("findings").to_pylist()
    assert (row["rule_id"], row["kind"], row["event_id"]) == ("detector:machine-tempo", "detector", "machine-0019")
    assert (row["rule_version"], row["account_id"], row["time_us"]) == (
        finding["version"], finding["account_id"], finding["time_us"],
    )  # fmt: skip
    assert finding["innocent_explanation"]
    register(engine, [], (), ())
    assert run_detectors(engine, lake, detector_settings()) == 0
    assert lake.read("detections").num_rows == lake.read("findings").num_rows == 0


def test_any_order_of_rows_gives_the_same(find: Find) -> None:
    thief = other_client()
    rows = [*holder(), *thief, *requests("machine", [SECOND] * 30), *resold("sold", 9, 8, MINUTE)]
    mixed = rows.copy()
    random.Random(1).shuffle(mixed)
    for name in DETECTORS:
        assert find(name, rows, shapes=[probe(thief[0])]) == find(name, mixed, shapes=[probe(thief[0])])
