"""The case database promises: one writer at a time, reads of one moment, roll-back on failure, errors that explain."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import text

from stormwatch.model.errors import InvalidInput, NotFound, StormwatchError
from stormwatch.storage.database import Database, is_write, open_database


def _make_counter(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE counter (number BIGINT NOT NULL)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))


def _number(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT number FROM counter")).scalar_one())


def test_reading_then_writing_in_a_write_transaction_loses_no_update(either_database: Database) -> None:
    _make_counter(either_database)

    def count() -> None:
        for _ in range(25):
            with either_database.write() as connection:
                number = connection.execute(text("SELECT number FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET number = :number"), {"number": number + 1})

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _number(either_database) == 100


def test_a_block_that_raises_leaves_nothing_behind(either_database: Database) -> None:
    _make_counter(either_database)
    with suppress(ZeroDivisionError), either_database.write() as connection:
        connection.execute(text("UPDATE counter SET number = 7"))
        _ = 1 / 0
    assert _number(either_database) == 0


def test_a_read_sees_one_moment_while_others_write(either_database: Database) -> None:
    _make_counter(either_database)
    with either_database.read() as connection:
        before = connection.execute(text("SELECT number FROM counter")).scalar_one()
        with either_database.write() as other:
            other.execute(text("UPDATE counter SET number = 5"))
        assert connection.execute(text("SELECT number FROM counter")).scalar_one() == before
    assert _number(either_database) == 5


def test_a_connection_tells_whether_it_may_write(either_database: Database) -> None:
    with either_database.read() as connection:
        assert not is_write(connection)
    with either_database.write() as connection:
        assert is_write(connection)


def test_sqlite_keeps_foreign_keys_and_syncs_every_commit(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'case.db'}")
    with database.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    database.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("url", ["", "no address", "mysql://host/name", "nonsense://host/name"])
def test_an_address_of_something_else_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(InvalidInput, match="STORMWATCH_DATABASE_URL"):
        open_database(url)


def test_an_unreadable_address_does_not_give_its_password_away() -> None:
    with pytest.raises(InvalidInput) as caught:
        open_database("mysql://ann:geheim@host/name")
    assert "geheim" not in str(caught.value)


def test_a_missing_home_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="stormwatch init"):
        open_database(f"sqlite:///{tmp_path / 'nowhere' / 'case.db'}")


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    (tmp_path / "case.db").write_bytes(b"this is a letter" * 1000)
    with pytest.raises(StormwatchError, match="not a database"):
        open_database(f"sqlite:///{tmp_path / 'case.db'}")


def test_a_server_that_is_not_there_is_explained_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StormwatchError, match="cannot be used") as caught:
        open_database(f"postgresql://ann:geheim@/name?host={tmp_path}")
    assert "geheim" not in str(caught.value)
