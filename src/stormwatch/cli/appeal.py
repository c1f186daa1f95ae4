"""`stormwatch appeal`: the queue of account holders' objections, and the decision of somebody who had no part."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from stormwatch.access.acting import acting_person
from stormwatch.actions.appeals.appeal_file import appeal_row, list_appeals, open_reasons, open_text
from stormwatch.actions.appeals.reviewing import decide_appeal
from stormwatch.actions.delivery import deliver
from stormwatch.adapters.decision_endpoint import decision_endpoint
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of, note, one_line
from stormwatch.model.notice import Appeal, AppealDecision
from stormwatch.model.principal import Role
from stormwatch.model.times import format_rfc3339, now_us

appeal = typer.Typer(help="What account holders answer.", no_args_is_help=True, rich_markup_mode=None)

AppealArgument = Annotated[str, typer.Argument(metavar="APPEAL", help="The appeal's id.")]


@appeal.command("list")
def show_list(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were answered.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List appeals, those whose answer is due first."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    found = list_appeals(runtime.database, waiting_only=not everything)
    payload = {"appeals": [_payload(each) for each in found]}
    emit(payload, lines_of(map(_line, found)) or "No appeal waits.", as_json=as_json)


@appeal.command("show")
def show(ctx: typer.Context, appeal_id: AppealArgument, as_json: JsonOption = False) -> None:
    """Show one appeal with what the holder wrote, to an approver."""
    runtime = runtime_of(ctx)
    person = person_of(runtime)
    with runtime.database.read() as connection:
        acting_person(connection, person, Role.APPROVER)
        found = appeal_row(connection, appeal_id)
        text = open_text(connection, runtime.keyring, appeal_id)
        reasons = open_reasons(connection, runtime.keyring, appeal_id)
    # Each line of what the holder wrote is marked, so that none passes for a line of ours.
    lines = [_line(found), f"case {found.case_id}, action {found.action_id}", "the holder writes:"]
    lines += [f"  | {line}" for line in text.split("\n")]
    lines += [f"decided: {one_line(reasons.reason)}"] if reasons else []
    payload = {**_payload(found), "text": text, "reason": reasons.reason if reasons else None}
    emit(payload, lines_of(lines), as_json=as_json)


@appeal.command("decide")
def decide(
    ctx: typer.Context,
    appeal_id: AppealArgument,
    decision: Annotated[AppealDecision, typer.Option("--decision", help="Whether the measure stands.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    tell: Annotated[str, typer.Option("--tell", help="What of it the holder is told, in their language.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Decide an appeal, as an approver who had no part in the case; a reversal takes effect at once."""
    runtime = runtime_of(ctx)
    decided = decide_appeal(runtime.desk, person_of(runtime, confirmed=True), appeal_id, decision, reason, tell)
    gateway = decision_endpoint(runtime.database, runtime.settings)
    report = deliver(runtime.database, runtime.ledger, [gateway])
    for failure in (*report.failures, *runtime.send_notices().failures):
        note(f"will be tried again: {failure}")
    prose = f"{appeal_id} is {decided.state.value}; verified at the gateway: {report.verified}."
    emit({**_payload(decided), "verified": report.verified}, prose, as_json=as_json)


def _payload(found: Appeal) -> dict[str, object]:
    return {
        **msgspec.to_builtins(found),
        "received_time": format_rfc3339(found.received_us),
        "due_time": format_rfc3339(found.due_us),
        "late": found.is_late(now_us()),
    }


def _line(found: Appeal) -> str:
    due = f"due {format_rfc3339(found.due_us)}{'  LATE' if found.is_late(now_us()) else ''}"
    return f"{found.appeal_id}  {found.state.value:9}  {due}  {found.account_id}"
