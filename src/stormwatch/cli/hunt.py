"""`stormwatch hunt`: detections, evidence, links, clusters, assessments and cases over what is new."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit, note, progress_bars
from stormwatch.cli.times import moment
from stormwatch.model.errors import InvalidInput


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
            since_us=moment(since, "--since"), until_us=moment(until, "--until"), full=full, progress=progress
        )
    if report.unjudged:
        meant = report.judged + report.unjudged
        note(f"The judge left {report.unjudged} of {meant} texts unjudged: {report.judge_trouble}")
    emit(
        asdict(report),
        f"{report.events} events of {report.accounts} accounts; {report.detections} detections, {report.links} pairs "
        f"compared, {report.clusters} clusters; {report.above_threshold} at or above the case threshold, "
        f"{report.cases_opened} cases opened. Odds are calibrated on simulated worlds.",
        as_json=as_json,
    )
