"""`stormwatch hunt`: detections, evidence, links, clusters, assessments and cases over what is new."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit, progress_bars
from stormwatch.model.errors import InvalidInput, WrongUsage
from stormwatch.model.times import to_us


class EngineName(StrEnum):
    """Query engines that the interface names."""

    DUCKDB = "duckdb"
    SPARK = "spark"


def hunt(
    ctx: typer.Context,
    engine: Annotated[EngineName, typer.Option(help="The query engine.")] = EngineName.DUCKDB,
    since: Annotated[str | None, typer.Option(help="Only events from this RFC 3339 time or day on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only events before this RFC 3339 time or day.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Scan all texts anew; the result is the same.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find suspects in what was ingested and open cases."""
    if engine is EngineName.SPARK:
        raise InvalidInput(
            "this release hunts with DuckDB alone", where="--engine spark", remedy="leave the option out"
        )
    runtime = runtime_of(ctx)
    with progress_bars() as progress:
        report = runtime.hunt(
            since_us=moment_of(since, "--since"), until_us=moment_of(until, "--until"), full=full, progress=progress
        )
    emit(
        asdict(report),
        f"{report.events} events of {report.accounts} accounts; {report.detections} detections, {report.links} pairs "
        f"compared, {report.clusters} clusters; {report.above_threshold} at or above the case threshold, "
        f"{report.cases_opened} cases opened. Odds are calibrated on simulated worlds.",
        as_json=as_json,
    )


def moment_of(text: str | None, option: str) -> int | None:
    """Microseconds of a time or day that an option gave; WrongUsage when it is none."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WrongUsage(
            f"{text!r} is no time", where=option, remedy="write 2026-03-02 or 2026-03-02T10:00:00Z"
        ) from error
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
