"""The port of the query engine: the hunt's static SQL files run on whatever stands behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Protocol

import pyarrow as pa


class QueryEngine(Protocol):
    """Registers tables under names, runs SQL of the portable subset (docs/engines.md) and gives Arrow back."""

    def register(self, name: str, rows: pa.Table) -> None:
        """Makes Arrow rows a view."""
        ...

    def register_files(self, name: str, paths: Sequence[Path], schema: pa.Schema) -> None:
        """Makes Parquet files a view; with no files an empty view of `schema`."""
        ...

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Runs one statement and gives all rows; values for `$name` are bound, never spliced into the text."""
        ...

    def batches(self, sql: str, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
        """Runs one statement and gives its rows in batches."""
        ...

    def view(self, name: str, sql: str) -> None:
        """Names a statement, to be run wherever the name is used."""
        ...

    def create(self, name: str, sql: str) -> None:
        """Materialises the result of a statement as a table for later statements."""
        ...


def sql_file(package: str, name: str) -> str:
    """The text of `NAME.sql` in a package's `sql` folder."""
    return resources.files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
