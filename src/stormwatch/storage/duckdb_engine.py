"""DuckDB in the process as the query engine; it reads the lake's Parquet files and never downloads an extension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa


class DuckDBEngine:
    """A private in-memory DuckDB with a memory limit, spilling below `spill`."""

    def __init__(self, spill: Path, *, memory_limit: str = "1500MB", threads: int = 2) -> None:
        spill.mkdir(parents=True, exist_ok=True)
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": memory_limit,
                "threads": str(threads),
                "temp_directory": str(spill),
                "preserve_insertion_order": "false",
            },
        )

    def register(self, name: str, rows: pa.Table) -> None:
        """Makes Arrow rows a view."""
        self._connection.register(name, rows)

    def register_files(self, name: str, paths: Sequence[Path], schema: pa.Schema) -> None:
        """Makes Parquet files a view; with no files an empty view of `schema`."""
        if not paths:
            self.register(name, schema.empty_table())
            return
        self._connection.read_parquet([str(path) for path in paths], hive_partitioning=False).create_view(name)

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Runs one statement and gives all rows; values for `$name` are bound, never spliced into the text."""
        return self._connection.sql(sql, params=dict(parameters or {})).to_arrow_table()

    def batches(self, sql: str, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Runs one statement and gives its rows in batches."""
        yield from self._connection.sql(sql).to_arrow_reader(rows)

    def view(self, name: str, sql: str) -> None:
        """Names a statement, to be run wherever the name is used."""
        self._connection.sql(sql).create_view(name)

    def create(self, name: str, sql: str) -> None:
        """Materialises the result of a statement as a table for later statements."""
        self._connection.sql(sql).create(name)

    def close(self) -> None:
        """Ends the engine."""
        self._connection.close()
