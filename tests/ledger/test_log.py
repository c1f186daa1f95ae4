"""The ledger promises: a row for each deed in the deed's own transaction, in one order, whatever people typed."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormwatch.ledger.canonical import JSON, canonical_json
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.errors import Conflict, IntegrityError, InvalidInput, NotFound
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring

_KEY = Keyring(b"k" * 32)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_BODIES = st.dictionaries(
    st.text(),
    st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8),
    max_size=4,
)


@pytest.fixture
def ledger(either_database: Database) -> Ledger:
    return Ledger(either_database, _KEY)


def _append(database: Database, ledger: Ledger, *subjects: str) -> None:
    with database.write() as connection:
        for subject in subjects:
            ledger.append(connection, "case.cleared", "person-1", subject, {"note": f"on {subject}"})


def test_an_empty_ledger_is_whole(ledger: Ledger) -> None:
    report = ledger.verify(ledger.checkpoint())
    assert report.ok
    assert report.size == 0


def test_entries_come_back_in_order_and_as_written(either_database: Database, ledger: Ledger) -> None:
    _append(either_database, ledger, "a", "b", "a")
    assert [(entry.sequence, entry.subject) for entry in ledger.entries()] == [(1, "a"), (2, "b"), (3, "a")]
    assert [entry.sequence for entry in ledger.entries(subject="a", after=1)] == [3]
    assert [entry.sequence for entry in ledger.entries(kind="case.cleared", limit=2)] == [1, 2]
    assert next(ledger.entries()).body == {"note": "on a"}
    assert ledger.verify().ok


def test_head_and_last_entry_agree(either_database: Database, ledger: Ledger) -> None:
    with either_database.write() as connection:
        entry = ledger.append(connection, "x.y", SYSTEM, "s", {})
        head = ledger.head(connection)
    assert (head.size, head.root.hex()) == (entry.sequence, entry.head)


def test_a_deed_that_fails_leaves_no_entry(either_database: Database, ledger: Ledger) -> None:
    _append(either_database, ledger, "kept")
    with pytest.raises(RuntimeError):
        _fail_after_append(either_database, ledger)
    assert [entry.subject for entry in ledger.entries()] == ["kept"]
    assert ledger.verify().ok


def _fail_after_append(database: Database, ledger: Ledger) -> None:
    with database.write() as connection:
        ledger.append(connection, "x.y", SYSTEM, "lost", {})
        raise RuntimeError


def test_a_read_transaction_cannot_append(either_database: Database, ledger: Ledger) -> None:
    with either_database.read() as connection, pytest.raises(Conflict, match="outside a write transaction"):
        ledger.append(connection, "x.y", SYSTEM, "s", {})


def test_four_writers_at_once_make_one_valid_log(either_database: Database, ledger: Ledger) -> None:
    def write(who: str) -> None:
        for number in range(15):
            with either_database.write() as connection:
                ledger.append(connection, "x.y", who, str(number), {"n": number})

    threads = [Thread(target=write, args=(f"person-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = ledger.verify()
    assert report.ok, report.explanation
    assert report.size == 60


@given(body=_BODIES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_survives_every_database(either_database: Database, ledger: Ledger, body: Mapping[str, JSON]) -> None:
    with either_database.write() as connection:
        entry = ledger.append(connection, "x.y", SYSTEM, "s", body)
    (kept,) = ledger.entries(after=entry.sequence - 1)
    assert kept == entry
    assert kept.body == body
    assert ledger.verify().ok


def test_hostile_text_is_kept_as_text(either_database: Database, ledger: Ledger) -> None:
    hostile = "\x00\x1b[31m<script>\ud800\u202e'); DROP TABLE ledger; --"
    with either_database.write() as connection:
        ledger.append(connection, "x.y", SYSTEM, "account-<b>-世界", {"reason": hostile})
    assert next(ledger.entries()).body == {"reason": hostile}
    assert ledger.verify().ok


@pytest.mark.parametrize("subject", ["nul\x00", "half \ud800 a pair"])
def test_a_subject_that_no_database_stores_is_refused(either_database: Database, ledger: Ledger, subject: str) -> None:
    with either_database.write() as connection, pytest.raises(InvalidInput, match="no database stores"):
        ledger.append(connection, "x.y", SYSTEM, subject, {})


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidInput):
        canonical_json(float("nan"))


def test_an_erased_entry_says_nothing_more_and_the_ledger_stays_whole(
    either_database: Database, ledger: Ledger
) -> None:
    _append(either_database, ledger, "account-1", "account-2", "account-3")
    checkpoint = ledger.checkpoint()
    with either_database.write() as connection:
        ledger.erase(connection, 2, "person-1", "the account holder asked")
    erased = next(ledger.entries(after=1))
    assert (erased.subject, erased.body, erased.kind) == ("", {}, "case.cleared")
    report = ledger.verify(checkpoint)
    assert report.ok, report.explanation
    assert report.erased == 1


def test_an_erasure_is_neither_repeated_nor_erased(either_database: Database, ledger: Ledger) -> None:
    _append(either_database, ledger, "account-1")
    with either_database.write() as connection:
        ledger.erase(connection, 1, "person-1", "asked")
        with pytest.raises(Conflict):
            ledger.erase(connection, 1, "person-1", "again")
        with pytest.raises(Conflict):
            ledger.erase(connection, 2, "person-1", "the erasure itself")
        with pytest.raises(NotFound):
            ledger.erase(connection, 9, "person-1", "nothing there")


def test_two_equal_deeds_have_different_commitments(either_database: Database, ledger: Ledger) -> None:
    _append(either_database, ledger, "same", "same")
    first, second = ledger.entries()
    assert first.commitment != second.commitment


def test_nothing_is_recorded_on_a_head_that_was_changed_from_outside(either_database: Database, ledger: Ledger) -> None:
    _append(either_database, ledger, "a", "b")
    with either_database.write() as connection:
        connection.exec_driver_sql("DELETE FROM ledger_head")
    with either_database.write() as connection, pytest.raises(IntegrityError, match="audit verify"):
        ledger.append(connection, "x.y", SYSTEM, "s", {})
