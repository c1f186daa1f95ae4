"""Turns one of the console's SQL files into rows: the lake's tables as views, values bound, names never spliced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from stormwatch.runtime import Runtime
from stormwatch.storage.duckdb_engine import DuckDBEngine
from stormwatch.storage.engine import sql_file
from stormwatch.storage.schemas import TABLES

SIGHTING_TABLES: Final = ("events", "account_records", "observables", "detections")
_ROOM: Final = "stormwatch.console"


class LakeQuery:
    """Runs the console's queries on one engine with the named tables in sight."""

    def __init__(self, engine: DuckDBEngine) -> None:
        self._engine = engine

    def rows(self, name: str, **values: object) -> list[dict[str, Any]]:
        """The rows of `sql/NAME.sql` with `values` bound to its `$` parameters."""
        found: list[dict[str, Any]] = self._engine.query(sql_file(_ROOM, name), values).to_pylist()
        return found

    def sighting_rows(self, name: str, **values: object) -> list[dict[str, Any]]:
        """The same for a query over `sightings`, which is every identifier of the tables SIGHTING_TABLES."""
        sql = f"WITH sightings AS (\n{sql_file(_ROOM, 'sightings')})\n{sql_file(_ROOM, name)}"
        found: list[dict[str, Any]] = self._engine.query(sql, values).to_pylist()
        return found


@contextmanager
def lake_query(runtime: Runtime, tables: Sequence[str]) -> Iterator[LakeQuery]:
    """Queries over these tables of the lake as they were committed last."""
    with runtime.engine() as engine:
        for table in tables:
            engine.register_files(table, runtime.lake.paths(table), TABLES[table])
        yield LakeQuery(engine)
