"""The audit promises to find any single tampering with the database file, and with a checkpoint also a rewritten past.

Tampering goes through raw SQL on the file, past everything that the software would refuse.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stormwatch.ledger.log import Ledger
from stormwatch.ledger.verification import Problem, VerifyReport
from stormwatch.storage.database import Database, open_database
from stormwatch.storage.keyring import Keyring

KEY = Keyring(b"k" * 32)
TEXT_COLUMNS = ("kind", "actor", "subject", "body", "commitment", "leaf_hash", "head")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=70)


LogOf = Callable[[int], AbstractContextManager[tuple[Path, Ledger]]]


@pytest.fixture(scope="module")
def log_of(tmp_path_factory: pytest.TempPathFactory) -> LogOf:
    """Makes a log of so many entries in a database file of its own."""
    empty = tmp_path_factory.mktemp("template") / "case.db"
    open_database(f"sqlite:///{empty}").close()

    @contextmanager
    def make(size: int) -> Iterator[tuple[Path, Ledger]]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(shutil.copy(empty, folder))
            database = Database(f"sqlite:///{file}")
            ledger = Ledger(database, KEY)
            _grow(database, ledger, size)
            yield file, ledger
            database.close()

    return make


def _grow(database: Database, ledger: Ledger, size: int) -> None:
    with database.write() as connection:
        for number in range(size):
            ledger.append(connection, f"deed.{number % 3}", f"person-{number % 2}", f"account-{number}", {"n": number})


def tamper(file: Path, *statements: str, **values: object) -> int:
    """Runs SQL behind the software's back; gives how many rows the first statement changed."""
    with closing(sqlite3.connect(file)) as connection:
        changed = [connection.execute(statement, values).rowcount for statement in statements]
        connection.commit()
    return changed[0]


def numbers(report: VerifyReport) -> list[int | None]:
    return [flaw.sequence for flaw in report.flaws]


SIZES = st.integers(min_value=1, max_value=20)
many = settings(max_examples=40, deadline=None)


@given(size=SIZES, data=st.data(), column=st.sampled_from(TEXT_COLUMNS), value=TEXT)
@many
def test_a_changed_text_is_found_and_its_row_named(
    log_of: LogOf, size: int, data: st.DataObject, column: str, value: str
) -> None:
    row = data.draw(st.integers(1, size))
    with log_of(size) as (file, ledger):
        assume(
            tamper(
                file,
                f"UPDATE ledger SET {column} = :value WHERE sequence = :row AND {column} <> :value",
                value=value,
                row=row,
            )
        )
        assert numbers(ledger.verify())[0] == row


@given(size=SIZES, data=st.data(), value=st.integers(-(2**62), 2**62) | st.binary(max_size=9) | TEXT)
@many
def test_a_changed_time_is_found_whatever_its_type(
    log_of: LogOf, size: int, data: st.DataObject, value: object
) -> None:
    row = data.draw(st.integers(1, size))
    with log_of(size) as (file, ledger):
        tamper(file, "UPDATE ledger SET time_us = :value WHERE sequence = :row", value=value, row=row)
        assert numbers(ledger.verify())[0] == row


@given(size=SIZES, data=st.data(), column=st.sampled_from(TEXT_COLUMNS), value=st.binary(max_size=40))
@many
def test_a_column_of_another_type_is_found(
    log_of: LogOf, size: int, data: st.DataObject, column: str, value: bytes
) -> None:
    row = data.draw(st.integers(1, size))
    with log_of(size) as (file, ledger):
        tamper(file, f"UPDATE ledger SET {column} = :value WHERE sequence = :row", value=value, row=row)
        assert numbers(ledger.verify())[0] == row


@given(size=SIZES, data=st.data())
@many
def test_a_removed_row_is_found_and_named(log_of: LogOf, size: int, data: st.DataObject) -> None:
    row = data.draw(st.integers(1, size))
    with log_of(size) as (file, ledger):
        tamper(file, "DELETE FROM ledger WHERE sequence = :row", row=row)
        flaw = ledger.verify().flaws[0]
        assert (flaw.problem, flaw.sequence) == (Problem.REMOVED, row)


@given(size=st.integers(2, 20), data=st.data())
@many
def test_a_removed_row_is_found_after_renumbering(log_of: LogOf, size: int, data: st.DataObject) -> None:
    row = data.draw(st.integers(1, size))
    with log_of(size) as (file, ledger):
        tamper(
            file,
            "DELETE FROM ledger WHERE sequence = :row",
            "DELETE FROM ledger_salts WHERE sequence = :row",
            *(
                f"UPDATE {table} SET sequence = {number - 1} WHERE sequence = {number}"
                for number in range(row + 1, size + 1)
                for table in ("ledger", "ledger_salts")
            ),
            row=row,
        )
        assert numbers(ledger.verify())[0] == row


@given(size=SIZES, data=st.data(), number=st.integers(-5, 10**15) | st.just("x") | st.just(2.5))
@many
def test_an_inserted_row_is_found(log_of: LogOf, size: int, data: st.DataObject, number: object) -> None:
    row = data.draw(st.integers(1, size))
    assume(not isinstance(number, int) or not 1 <= number <= size)
    columns = "time_us, kind, actor, subject, body, commitment, leaf_hash, head"
    with log_of(size) as (file, ledger):
        tamper(
            file,
            f"INSERT INTO ledger (sequence, {columns}) SELECT :number, {columns} FROM ledger WHERE sequence = :row",
            number=number,
            row=row,
        )
        assert not ledger.verify().ok


@given(size=st.integers(2, 20), data=st.data(), with_salts=st.booleans())
@many
def test_two_rows_that_changed_places_are_found_and_named(
    log_of: LogOf, size: int, data: st.DataObject, with_salts: bool
) -> None:
    first, second = sorted(data.draw(st.lists(st.integers(1, size), min_size=2, max_size=2, unique=True)))
    swap = (
        "UPDATE {0} SET sequence = -1 WHERE sequence = :first",
        "UPDATE {0} SET sequence = :first WHERE sequence = :second",
        "UPDATE {0} SET sequence = :second WHERE sequence = -1",
    )
    tables = ("ledger", "ledger_salts") if with_salts else ("ledger",)
    with log_of(size) as (file, ledger):
        tamper(file, *(line.format(table) for table in tables for line in swap), first=first, second=second)
        flaws = ledger.verify().flaws
        assert [(flaw.problem, flaw.sequence) for flaw in flaws] == [(Problem.MOVED, first), (Problem.MOVED, second)]


@given(size=SIZES, data=st.data(), value=st.none() | TEXT | st.binary(max_size=33))
@many
def test_a_changed_or_removed_salt_is_found(log_of: LogOf, size: int, data: st.DataObject, value: object) -> None:
    row = data.draw(st.integers(1, size))
    with log_of(size) as (file, ledger):
        if value is None:
            tamper(file, "DELETE FROM ledger_salts WHERE sequence = :row", row=row)
        else:
            tamper(file, "UPDATE ledger_salts SET salt = :value WHERE sequence = :row", value=value, row=row)
        assert numbers(ledger.verify())[0] == row


@given(
    size=SIZES,
    column=st.sampled_from(["size", "edge", "seal"]),
    value=st.integers(21, 10**12) | TEXT | st.binary(max_size=40),
)
@many
def test_a_changed_head_is_found(log_of: LogOf, size: int, column: str, value: object) -> None:
    with log_of(size) as (file, ledger):
        tamper(file, f"UPDATE ledger_head SET {column} = :value", value=value)
        assert [flaw.problem for flaw in ledger.verify().flaws] == [Problem.HEAD]


def test_a_secret_erasure_is_found(log_of: LogOf) -> None:
    with log_of(5) as (file, ledger):
        tamper(
            file,
            "UPDATE ledger SET subject = '', body = '' WHERE sequence = 3",
            "DELETE FROM ledger_salts WHERE sequence = 3",
        )
        assert numbers(ledger.verify()) == [3]


def test_a_cut_off_tail_is_found_without_a_checkpoint_by_the_sealed_head(log_of: LogOf) -> None:
    with log_of(9) as (file, ledger):
        tamper(file, "DELETE FROM ledger WHERE sequence > 6", "DELETE FROM ledger_salts WHERE sequence > 6")
        assert numbers(ledger.verify()) == [7, 8, 9]


def test_text_that_is_no_utf8_is_a_flaw_and_no_crash(log_of: LogOf) -> None:
    with log_of(5) as (file, ledger):
        tamper(file, "UPDATE ledger SET body = CAST(x'ff' AS TEXT) WHERE sequence = 3")
        report = ledger.verify()
        assert not report.ok
        assert "cannot be read" in report.explanation


def test_an_emptied_ledger_is_found(log_of: LogOf) -> None:
    with log_of(5) as (file, ledger):
        checkpoint = ledger.checkpoint()
        tamper(file, "DELETE FROM ledger", "DELETE FROM ledger_salts", "DELETE FROM ledger_head")
        assert ledger.verify().ok, "an empty ledger alone is a new one"
        assert not ledger.verify(checkpoint).ok


@given(size=st.integers(0, 12), more=st.integers(1, 12), instead=st.integers(0, 14))
@many
def test_a_checkpoint_finds_an_older_database_also_when_it_has_grown_again(
    log_of: LogOf, size: int, more: int, instead: int
) -> None:
    with log_of(size) as (file, ledger):
        database, older = ledger._database, file.with_name("older.db")
        database.close()  # also empties the write-ahead log into the file
        shutil.copy(file, older)
        _grow(database, ledger, more)
        checkpoint = ledger.checkpoint()
        database.close()
        shutil.copy(older, file)
        _grow(database, ledger, instead)
        assert ledger.verify().ok, "the rewritten log is whole in itself"
        report = ledger.verify(checkpoint)
        assert [flaw.problem for flaw in report.flaws] == [Problem.CHECKPOINT]
        assert ("cut off" if instead < more else "rewritten") in report.explanation


@given(size=st.integers(0, 12), more=st.integers(0, 12))
@many
def test_a_log_that_grew_continues_its_checkpoint(log_of: LogOf, size: int, more: int) -> None:
    with log_of(size) as (_, ledger):
        checkpoint = ledger.checkpoint()
        _grow(ledger._database, ledger, more)
        report = ledger.verify(checkpoint)
        assert report.ok, report.explanation
        assert report.checkpoint_size == size
