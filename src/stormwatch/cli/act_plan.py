"""`stormwatch act plan`: banning as found against all at once, for one case, with the clocks that run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from stormwatch.actions.planner import Plan, plan
from stormwatch.cli.act_sheet import embargo_words
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.cli.times import moment
from stormwatch.model.times import DAY, day_of, format_rfc3339


def show_plan(
    ctx: typer.Context,
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case.")],
    embargo_until: Annotated[
        str | None, typer.Option("--embargo", help="Until when nothing would be done; default: a week from now.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what banning as found and banning all at once would do; change nothing."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    found = plan(runtime.database, runtime.lake, case_id, until_us=moment(embargo_until, "--embargo"))
    payload = {**msgspec.to_builtins(found), "until_time": format_rfc3339(found.until_us)}
    emit(payload, lines_of(_lines(found)), as_json=as_json)


def _lines(found: Plan) -> Iterator[str]:
    yield (
        f"Accounts known: {found.accounts} ({found.with_own_evidence} with evidence of their own, {found.acted_on} "
        f"under an action); linked to them and outside the case: {found.near_total}"
    )
    yield from (f"  found on {day_of(one.day * DAY)}: {one.accounts}" for one in found.found_on)
    yield "Ban as found:"
    yield from (f"  {sentence}" for sentence in found.as_found)
    yield f"All at once, at {format_rfc3339(found.until_us)}:"
    yield from (f"  {sentence}" for sentence in found.all_at_once)
    yield "Signs that the operator notices:" if found.signs else "No sign that the operator notices."
    yield from (f"  {sentence}" for sentence in found.signs)
    for clock in found.clocks:
        yield f"{clock.proposal_id}: {clock.accounts} accounts approved{embargo_words(clock.not_before_us)}"
