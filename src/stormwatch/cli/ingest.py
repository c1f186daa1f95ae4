"""`stormwatch ingest`: files of events and account records into the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from stormwatch.cli.context import runtime_of, session_of
from stormwatch.cli.output import JsonOption, emit, lines_of, note, progress_bars
from stormwatch.events.ingest import IngestReport, Reason, ingest_file
from stormwatch.events.quarantine import Quarantine, quarantine_files, rejected_places
from stormwatch.events.readers.choice import Format
from stormwatch.model.errors import InvalidInput, StormwatchError
from stormwatch.model.progress import ProgressReport
from stormwatch.model.times import format_rfc3339
from stormwatch.runtime import Runtime, is_home

_REASONS_SHOWN = 10

FilesArgument = Annotated[list[Path], typer.Argument(help="NDJSON or JSON; plain, .gz or .zst.", metavar="FILE...")]
CollectorOption = Annotated[str, typer.Option("--collector", help="Who brings the events; ids are unique within it.")]
FormatOption = Annotated[Format, typer.Option("--format", help="What the files hold; auto looks at their records.")]

Reports = Mapping[Path, IngestReport]


def ingest(
    ctx: typer.Context,
    files: FilesArgument,
    collector: CollectorOption = "file",
    form: FormatOption = Format.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Take in usage events and account records; a home that does not exist yet is made.

    Exits with 0 when every file was read to its end and gave at least one record, with a warning if others were
    rejected, else with 1.
    """
    home = session_of(ctx).home
    if not is_home(home):
        note(f"stormwatch: making a home in {home}; `init` gives it its first administrator")
    runtime = runtime_of(ctx, create=True)
    with progress_bars() as progress:
        reports, failures = _take_in(runtime, files, collector, form, progress)
    for path, report in reports.items():
        if report.rejected:
            first = report.first_reasons[0]
            said = f"rejected records: {report.rejected}, the first for: {first.reason} (line {first.line})"
            note(f"stormwatch: {path}: {said}; kept in {report.quarantine}")
    total = _total(reports)
    if total.read or total.ignored or as_json:
        emit(_payload(reports, total), _prose(total), as_json=as_json)
    for failure in failures[:-1]:
        note(f"stormwatch: {failure}")
    if failures:
        raise failures[-1]


def quarantine(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List rejected records: file, line, reason and size. What they say stays closed."""
    runtime = runtime_of(ctx)
    rows = [
        {
            "quarantine": str(path),
            "file": place.source,
            "line": place.line,
            "reason": place.reason,
            "time": format_rfc3339(place.time_us),
            "bytes": place.size,
        }
        for path in quarantine_files(runtime.settings.home)
        for place in rejected_places(path, runtime.keyring)
    ]
    prose = lines_of(f"{row['file']}, line {row['line']}: {row['reason']}" for row in rows) or "nothing was rejected"
    emit({"rejected": rows}, prose, as_json=as_json)


def _take_in(
    runtime: Runtime, files: Sequence[Path], collector: str, form: Format, progress: ProgressReport
) -> tuple[dict[Path, IngestReport], list[StormwatchError]]:
    """Takes in each file, so that one that fails keeps none of the others out."""
    store = runtime.events
    reports: dict[Path, IngestReport] = {}
    failures: list[StormwatchError] = []
    with closing(Quarantine(store.home, store.keyring)) as kept:
        for path in files:
            shown = partial(progress, f"ingest {path.name}")
            try:
                report = ingest_file(store, path, collector=collector, format=form, progress=shown, quarantine=kept)
            except InvalidInput as error:
                failures.append(error)
                continue
            reports[path] = report
            if report.rejected and not report.read:
                failures.append(_nothing_read(path, report))
            elif report.broken_off:
                failures.append(_broken_off(path, report.broken_off))
    store.compact()
    return reports, failures


def _nothing_read(path: Path, report: IngestReport) -> InvalidInput:
    first = report.first_reasons[0]
    return InvalidInput(
        f"no record could be read: {first.reason}",
        where=f"{path}, line {first.line}",
        remedy=f"the records are kept in {report.quarantine}",
    )


def _broken_off(path: Path, where: Reason) -> InvalidInput:
    remedy = "what came before is stored, and sending it again stores it once"
    return InvalidInput(where.reason, where=f"{path}, line {where.line}", remedy=remedy)


def _total(reports: Reports) -> IngestReport:
    quarantines = [report.quarantine for report in reports.values() if report.quarantine]
    return IngestReport(
        accepted=sum(report.accepted for report in reports.values()),
        duplicate=sum(report.duplicate for report in reports.values()),
        conflicting=sum(report.conflicting for report in reports.values()),
        rejected=sum(report.rejected for report in reports.values()),
        quarantine=quarantines[0] if quarantines else None,
        ignored=sum(report.ignored for report in reports.values()),
    )


def _payload(reports: Reports, total: IngestReport) -> dict[str, Any]:
    reasons = [
        {"file": str(path), "line": first.line, "reason": first.reason}
        for path, report in reports.items()
        for first in report.first_reasons
    ]
    return {
        "accepted": total.accepted,
        "duplicate": total.duplicate,
        "conflicting": total.conflicting,
        "rejected": total.rejected,
        "ignored": total.ignored,
        "quarantine": str(total.quarantine) if total.quarantine else None,
        "first_reasons": reasons[:_REASONS_SHOWN],
    }


def _prose(total: IngestReport) -> str:
    text = f"{total.accepted} accepted, {total.duplicate} known already, {total.rejected} rejected"
    if total.ignored:
        text += f", {total.ignored} ignored that tell of no request to a model"
    if total.conflicting:
        text += f"; {total.conflicting} of the accepted carry an id that other content had taken"
    return text
