"""`stormwatch simulate`: a made-up provider with planted campaigns and the truth beside them, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stormwatch.cli.output import JsonOption, emit, progress_bars
from stormwatch.simulate.knobs import parse_knobs
from stormwatch.simulate.population import kinds
from stormwatch.simulate.world import WorldReport, make_world


def simulate(
    out: Annotated[Path, typer.Argument(help="Folder for the world; made if it does not exist.")],
    accounts: Annotated[int, typer.Option(help="How many accounts.", min=1)] = 1_000,
    events: Annotated[int, typer.Option(help="How many requests in 28 days.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.", min=0)] = 1,
    knob: Annotated[list[str] | None, typer.Option(help="name=value, see docs/simulate.md; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make up a provider: events, accounts, partners' intelligence, and the truth to score against."""
    knobs = parse_knobs(knob or (), kinds())
    with progress_bars() as show:
        report = make_world(
            out,
            accounts=accounts,
            events=events,
            seed=seed,
            knobs=knobs,
            progress=lambda done, total: show("writing events", done, total),
        )
    emit({"out": str(out), **report.as_json()}, _prose(report), as_json=as_json)


def _prose(report: WorldReport) -> str:
    planted = sum(count for kind, count in report.kinds if kind.startswith("planted/"))
    return (
        f"A made-up provider is in {report.out}: {report.accounts} accounts ({planted} planted), "
        f"{report.events} events over {report.days} days from {report.start[:10]}.\n"
        "Nobody in it exists. truth.parquet says who is who; read it only to score."
    )
