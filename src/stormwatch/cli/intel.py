"""`stormwatch intel`: takes in indicators, actors' names and shared lists, and says what is known of one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stormwatch.attribution.profiles import load_profiles
from stormwatch.cli.context import runtime_of
from stormwatch.cli.intel_sheet import conflict_line, name_payload, name_prose, thing_payload, thing_prose
from stormwatch.cli.output import JsonOption, emit, lines_of, progress_bars
from stormwatch.config import shipped
from stormwatch.detections.indicators.indicators_on import indicators_on
from stormwatch.intel.actors import ActorNames
from stormwatch.intel.files import IntelFormat
from stormwatch.intel.import_report import ImportReport
from stormwatch.intel.importing import AUTO, ImportDefaults, import_file
from stormwatch.intel.kinds import parse_observable
from stormwatch.intel.shared_infrastructure import SharedInfrastructure, SharedKind
from stormwatch.model.errors import WrongUsage
from stormwatch.model.intel import TLP
from stormwatch.runtime import Runtime

intel = typer.Typer(help="Indicators, actors and shared infrastructure.", no_args_is_help=True, rich_markup_mode=None)

_COUNTED = ("indicators", "actors", "relationships", "lists", "techniques", "unchanged", "skipped")


@intel.command("import")
def import_files(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Plain, .gz or .zst.")],
    format_name: Annotated[
        str,
        typer.Option("--format", help=f"auto, {', '.join(IntelFormat)}."),
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


@intel.command("names")
def names(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="An actor's name, in anybody's spelling.")],
    as_json: JsonOption = False,
) -> None:
    """Say what a name may mean: who says so, in which version, and where sources disagree."""
    known = _actor_names(runtime_of(ctx))
    emit(name_payload(known, name), name_prose(known, name), as_json=as_json)


@intel.command("conflicts")
def conflicts(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List names that do not mean one actor."""
    known = _actor_names(runtime_of(ctx))
    found = (*known.conflicts(), *known.kept_apart())
    lines = [conflict_line(one) for one in found]
    emit({"conflicts": [asdict(one) for one in found]}, lines_of(lines) or "No conflicts.", as_json=as_json)


@intel.command("show")
def show(
    ctx: typer.Context,
    thing: Annotated[str, typer.Argument(metavar="KIND=VALUE", help="Such as ip=203.0.113.9.")],
    as_json: JsonOption = False,
) -> None:
    """Say what is known of an address, domain or other observable: indicators, and lists of what many share."""
    try:
        observable = parse_observable(thing)
    except ValueError as error:
        raise WrongUsage(str(error), where="KIND=VALUE", remedy="write for example domain=example.org") from error
    runtime = runtime_of(ctx)
    told = indicators_on(runtime.database, observable)
    shared = SharedInfrastructure.load(runtime.database).matches(observable)
    emit(thing_payload(observable, told, shared), thing_prose(observable, told, shared), as_json=as_json)


def _actor_names(runtime: Runtime) -> ActorNames:
    profiles = load_profiles((shipped("profiles"), *runtime.settings.profiles))
    return ActorNames.load(
        runtime.database, [(one.actor_id, name.name, name.source) for one in profiles for name in one.names]
    )


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
