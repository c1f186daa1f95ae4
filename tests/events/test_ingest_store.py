"""The store keeps every event once, both of two that share an id, and tells how many of each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_making import counts, event, ndjson, store_in, stored, texts
from stormwatch.events import seen
from stormwatch.events import store as store_module
from stormwatch.events.ingest import IngestReport, ingest_bytes
from stormwatch.events.store import EventStore
from stormwatch.model.errors import IntegrityError, StormwatchError
from stormwatch.model.times import DAY
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.texts import read_rows


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    return store_in(tmp_path)


def take(store: EventStore, *records: dict[str, object], collector: str = "c") -> tuple[int, int, int]:
    report = ingest_bytes(store, ndjson(records), collector=collector, source="test")
    return report.accepted, report.duplicate, report.conflicting


def test_the_same_event_again_is_a_duplicate_also_in_one_batch_and_after_compaction(store: EventStore) -> None:
    assert take(store, event(1), event(1), event(2)) == (2, 1, 0)
    assert take(store, event(1)) == (0, 1, 0)
    store.compact()
    assert take(store, event(2)) == (0, 1, 0)
    assert counts(stored(store)) == Counter({"ev-1": 1, "ev-2": 1})


def test_the_same_id_with_other_content_is_kept_flagged_and_counted(store: EventStore) -> None:
    other = event(1, account_id="acct-other")
    assert take(store, event(1)) == (1, 0, 0)
    assert take(store, other) == (1, 0, 1)
    assert take(store, other, event(1)) == (0, 2, 0)
    rows = stored(store).to_pylist()
    assert [(row["account_id"], row["conflicting"]) for row in rows] == [("acct-1", False), ("acct-other", True)]


def test_the_same_id_of_another_collector_is_another_event(store: EventStore) -> None:
    assert take(store, event(1), collector="a") == (1, 0, 0)
    assert take(store, event(1), collector="b") == (1, 0, 0)
    assert stored(store)["collector"].to_pylist() == ["a", "b"]


def test_collector_and_id_cannot_be_shifted_into_each_other(store: EventStore) -> None:
    assert take(store, event(event_id="bc"), collector="a") == (1, 0, 0)
    assert take(store, event(event_id="c"), collector="ab") == (1, 0, 0)


def test_beyond_seven_days_compaction_finds_what_the_index_forgot(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, event(1), event(2))
    store.compact()
    real = store_module.now_us
    monkeypatch.setattr(store_module, "now_us", lambda: real() + 9 * DAY)
    assert take(store, event(1), event(2, account_id="acct-other")) == (2, 0, 0)
    report = store.compact()
    assert (report.events, report.duplicate, report.conflicting) == (1, 1, 1)
    assert counts(store.lake.read("events")) == Counter({"ev-1": 1, "ev-2": 2})
    assert not list((store.home / "ingest" / "seen").glob(f"seen-{seen.day_of(real())}*"))


def test_a_lost_index_is_made_up_for(tmp_path: Path) -> None:
    first = store_in(tmp_path)
    take(first, event(1), event(2))
    first.close()
    for path in (tmp_path / "ingest" / "seen").iterdir():
        path.unlink()
    again = store_in(tmp_path)
    assert take(again, event(1)) == (0, 1, 0)  # followed from the log
    again.compact()
    again.close()
    for path in (tmp_path / "ingest" / "seen").iterdir():
        path.unlink()
        path.with_name(f"seen-{seen.day_of(store_module.now_us())}.sqlite").write_bytes(b"no database" * 100)
    third = store_in(tmp_path)
    take(third, event(1))  # acknowledged, and found again by compaction
    assert counts(stored(third)) == Counter({"ev-1": 1, "ev-2": 1})


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.sampled_from(["a", "b"]), st.booleans()), max_size=25)
)
@settings(max_examples=15, deadline=None)
def test_any_order_of_sending_and_compacting_gives_each_content_of_each_key_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, str, bool]]
) -> None:
    store = store_in(tmp_path_factory.mktemp("home"))
    sent = set()
    accepted = 0
    for number, variant, collector, compacting in steps:
        report = take(store, event(number, model=f"m-{variant}"), collector=collector)
        accepted += report[0]
        sent.add((collector, f"ev-{number}", f"m-{variant}"))
        if compacting:
            store.compact()
    rows = stored(store).to_pylist()
    assert sorted((row["collector"], row["event_id"], row["model"]) for row in rows) == sorted(sent)
    assert accepted == len(sent)
    keys = {(collector, event_id) for collector, event_id, _ in sent}
    assert sum(row["conflicting"] for row in rows) == len(sent) - len(keys)
    store.close()


def test_texts_lie_where_their_events_say(store: EventStore) -> None:
    take(store, *(event(number) for number in range(1200)))
    rows = stored(store).to_pylist()
    assert rows[1100]["text_chunk"] == 2
    wanted = {(row["text_chunk"], row["text_row"]): row["event_id"] for row in (rows[0], rows[700], rows[1199])}
    found = read_rows(store.lake, store.keyring, rows[0]["segment"], wanted)
    assert {wanted[place]: text.prompt for place, text in found} == {
        f"ev-{number}": f"translate page {number} of the manual" for number in (0, 700, 1199)
    }
    assert len(texts(store)) == 1200


def test_another_key_opens_nothing_and_says_so(tmp_path: Path) -> None:
    take(store_in(tmp_path), event(1))
    other = EventStore(tmp_path, Keyring(b"x" * 32), Lake(tmp_path / "lake"), max_record_bytes=1 << 20)
    with pytest.raises(IntegrityError, match="do not open with this key"):
        other.compact()
    assert counts(stored(store_in(tmp_path))) == Counter({"ev-1": 1})


def test_a_damaged_frame_costs_itself_alone_and_its_file_is_set_aside(store: EventStore) -> None:
    for number in range(3):
        take(store, event(number))
    store.close()
    (log,) = (store.home / "ingest" / "log").glob("*.log")
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 0xFF
    log.write_bytes(data)
    report = store_in(store.home).compact()
    assert report.events == 2
    assert [path.suffix for path in report.damaged] == [".sealed"]
    assert [path.suffix for path in (store.home / "ingest" / "log").iterdir()] == [".damaged"]


def test_a_full_disk_refuses_the_batch_and_the_next_one_is_taken(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, event(1))
    with monkeypatch.context() as patch:
        patch.setattr("os.fdatasync", lambda _handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StormwatchError, match="No space left"):
            take(store, event(2))
    assert take(store, event(2), event(3)) == (2, 0, 0)
    assert counts(stored(store)) == Counter({"ev-1": 1, "ev-2": 1, "ev-3": 1})


def accounts(store: EventStore, *records: dict[str, object]) -> IngestReport:
    return ingest_bytes(store, ndjson(records), collector="c", format="account-record", source="test")


def test_a_later_account_record_replaces_the_fields_it_carries_and_no_others(store: EventStore) -> None:
    accounts(
        store,
        {"account_id": "a", "programme": "free", "email_domain": "Ann@Example.ORG", "signup_ip": "::ffff:203.0.113.5"},
        {"account_id": "b", "status": "active"},
    )
    store.compact()
    accounts(store, {"account_id": "a", "programme": "paid"}, {"account_id": "c", "verified_researcher": True})
    accounts(store, {"account_id": "a", "status": "suspended"}, {"account_id": "b", "status": None})
    store.compact()
    rows = {row["account_id"]: row for row in store.lake.read("account_records").to_pylist()}
    assert set(rows) == {"a", "b", "c"}
    kept = rows["a"]
    assert (kept["programme"], kept["status"], kept["email_domain"]) == ("paid", "suspended", "example.org")
    assert kept["signup_ip"] == "203.0.113.5"
    assert rows["b"]["status"] is None
    assert rows["c"]["verified_researcher"] is True


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.dictionaries(st.sampled_from(["programme", "org_id", "phone_hash"]), st.sampled_from(["x", "y", None])),
            st.booleans(),
        ),
        max_size=12,
    )
)
@settings(max_examples=15, deadline=None)
def test_account_records_fold_as_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, dict[str, str | None], bool]]
) -> None:
    store = store_in(tmp_path_factory.mktemp("home"))
    expected: dict[str, dict[str, str | None]] = {}
    for account_id, fields, compacting in steps:
        accounts(store, {"account_id": account_id, **fields})
        expected.setdefault(account_id, {}).update(fields)
        if compacting:
            store.compact()
    store.compact()
    rows = {row["account_id"]: row for row in store.lake.read("account_records").to_pylist()}
    assert set(rows) == set(expected)
    for account_id, fields in expected.items():
        for name in ("programme", "org_id", "phone_hash"):
            assert rows[account_id][name] == fields.get(name)
    store.close()
