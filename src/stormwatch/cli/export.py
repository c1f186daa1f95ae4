"""`stormwatch export`: the tables of the public interface as files."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit
from stormwatch.hunt.exports.accounts import account_rows
from stormwatch.hunt.exports.actions import action_rows
from stormwatch.hunt.exports.cases import case_rows
from stormwatch.hunt.exports.clusters import cluster_rows
from stormwatch.hunt.exports.detections import detection_rows
from stormwatch.hunt.exports.links import link_rows
from stormwatch.hunt.exports.rows import AccountRow, ActionRow, CaseRow, ClusterRow, DetectionRow, LinkRow
from stormwatch.hunt.exports.writing import ExportFormat, write_rows
from stormwatch.runtime import Runtime


class Table(StrEnum):
    """Exported tables."""

    ACCOUNTS = "accounts"
    LINKS = "links"
    CLUSTERS = "clusters"
    DETECTIONS = "detections"
    CASES = "cases"
    ACTIONS = "actions"


_SHAPES: dict[Table, type[msgspec.Struct]] = {
    Table.ACCOUNTS: AccountRow,
    Table.LINKS: LinkRow,
    Table.CLUSTERS: ClusterRow,
    Table.DETECTIONS: DetectionRow,
    Table.CASES: CaseRow,
    Table.ACTIONS: ActionRow,
}


def export(
    ctx: typer.Context,
    table: Annotated[Table, typer.Argument(help="Which table.")],
    output: Annotated[Path, typer.Option("--output", help="The file to write.")],
    file_format: Annotated[ExportFormat, typer.Option("--format", help="Its format.")] = ExportFormat.NDJSON,
    everything: Annotated[bool, typer.Option("--all", help="Accounts without any evidence too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a table as NDJSON, CSV or Parquet."""
    runtime = runtime_of(ctx)
    runtime.events.compact()
    with runtime.engine() as engine:
        rows: Iterable[msgspec.Struct] = (
            account_rows(
                engine, runtime.lake, runtime.database, threshold=runtime.settings.case_threshold, everyone=everything
            )
            if table is Table.ACCOUNTS
            else _rows(runtime, table)
        )
        written = write_rows(rows, _SHAPES[table], file_format, output)
    emit({"table": table, "rows": written, "output": str(output)}, f"{written} rows in {output}", as_json=as_json)


def _rows(runtime: Runtime, table: Table) -> Iterable[msgspec.Struct]:
    match table:
        case Table.LINKS:
            return link_rows(runtime.lake)
        case Table.CLUSTERS:
            return cluster_rows(runtime.lake, runtime.database)
        case Table.DETECTIONS:
            return detection_rows(runtime.lake)
        case Table.CASES:
            return case_rows(runtime.database, runtime.lake)
        case _:
            return action_rows(runtime.database)
