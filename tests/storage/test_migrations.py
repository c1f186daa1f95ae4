"""Migrations promise: a schema equal to the tables the code declares, from empty, once, and never from the future."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from stormwatch.model.errors import Conflict
from stormwatch.storage import migrations
from stormwatch.storage.database import Database, open_database
from stormwatch.storage.tables.all import metadata


def test_the_migrated_schema_is_the_declared_one(either_database: Database) -> None:
    with either_database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_head_is_the_newest_revision() -> None:
    script = ScriptDirectory(migrations.__path__[0])
    assert script.get_current_head() == migrations.HEAD


def test_a_database_is_marked_and_left_alone_the_second_time(database_url: str) -> None:
    open_database(database_url).close()
    database = open_database(database_url)
    with database.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [migrations.HEAD]
    database.close()


def test_an_up_to_date_database_opens_without_alembic(database_url: str) -> None:
    open_database(database_url).close()
    program = (
        "import sys; from stormwatch.storage.database import open_database; "
        f"open_database({database_url!r}).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_database_of_newer_software_is_refused(database_url: str) -> None:
    database = open_database(database_url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(Conflict, match=r"9999.*newer version"):
        open_database(database_url)


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr("alembic.runtime.migration.MigrationContext.run_migrations", _half_way(fail))
    with pytest.raises(RuntimeError, match="power cut"):
        open_database(database_url)
    monkeypatch.undo()
    database = Database(database_url)
    assert inspect(database.engine).get_table_names() == []
    migrations.migrate(database)
    assert set(metadata.tables) < set(inspect(database.engine).get_table_names())
    database.close()


def _half_way(fail: object) -> object:
    original = MigrationContext.run_migrations

    def run(self: MigrationContext, **options: object) -> None:
        original(self, **options)
        fail()

    return run


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for database in pool.map(open_database, [database_url] * 4):
            database.close()
