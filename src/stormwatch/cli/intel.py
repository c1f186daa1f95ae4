"""`stormwatch intel`: takes in indicators, actors' names and shared lists, and says what a name may mean."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of, progress_bars
from stormwatch.intel.import_report import ImportReport
from stormwatch.intel.importing import AUTO, ImportDefaults, import_file
from stormwatch.intel.shared_infrastructure import SharedKind
from stormwatch.model.intel import TLP

intel = typer.Typer(help="Indicators, actors and shared infrastructure.", no_args_is_help=True, rich_markup_mode=None)

_COUNTED = ("indicators", "actors", "relationships", "lists", "techniques", "unchanged", "skipped")


@intel.callback()
def group() -> None:
    """Keeps `import` a command of its own while it is the only one."""


@intel.command("import")
def import_files(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Plain, .gz or .zst.")],
    format_name: Annotated[
        str,
        typer.Option("--format", help="auto, stix, csv, warninglist, attack, atlas, misp-galaxy or microsoft-names."),
    ] = AUTO,
    source: Annotated[str | None, typer.Option(help="Who says so, where a file does not; default: its name.")] = None,
    tlp: Annotated[TLP, typer.Option(help="The level of what carries no marking.")] = TLP.AMBER,
    list_kind: Annotated[SharedKind | None, typer.Option(help="What a warning list is about.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Take in files; the same file again changes nothing. What is passed over is counted with its reason."""
    runtime = runtime_of(ctx, create=True)
    defaults = ImportDefaults(source, tlp, list_kind)
    reports: list[ImportReport] = []
    with progress_bars() as progress:
        for number, path in enumerate(files):
            progress("importing", number, len(files))
            reports.append(import_file(runtime.database, path, format_name, runtime.ledger, defaults=defaults))
        progress("importing", len(files), len(files))
    totals = {name: sum(getattr(report, name) for report in reports) for name in _COUNTED}
    payload = {**totals, "reasons": _joined(reports), "files": [asdict(report) for report in reports]}
    emit(payload, "\n".join(_prose(report) for report in reports), as_json=as_json)


def _joined(reports: list[ImportReport]) -> dict[str, int]:
    joined: dict[str, int] = {}
    for report in reports:
        for reason, count in report.reasons.items():
            joined[reason] = joined.get(reason, 0) + count
    return joined


def _prose(report: ImportReport) -> str:
    counts = [f"{getattr(report, name):,} {name}" for name in _COUNTED if getattr(report, name)]
    lines = [f"{report.file} ({report.format}): {', '.join(counts) or 'nothing in it'}"]
    lines += [f"  skipped {count:,}: {reason}" for reason, count in report.reasons.items()]
    lines += [f"  noted {count:,}: {remark}" for remark, count in report.remarks.items()]
    lines += [f"  e.g. {example}" for example in report.examples[:3]]
    return lines_of(lines)
