"""`stormwatch act`: propose, approve and reverse actions on accounts, each in the name of a person."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from stormwatch.actions import embargo, proposals
from stormwatch.actions.dry_run import dry_run
from stormwatch.actions.progress import progress_of, standings
from stormwatch.actions.proposal_queue import get_proposal, list_proposals
from stormwatch.actions.reasons import load_reasons
from stormwatch.actions.reversal import reverse as reverse_actions
from stormwatch.actions.terms import Terms
from stormwatch.cli import act_outbox
from stormwatch.cli.act_plan import show_plan
from stormwatch.cli.act_sheet import (
    dry_run_lines,
    dry_run_payload,
    embargo_words,
    proposal_lines,
    proposal_payload,
    standing_line,
    standing_payload,
    warn,
)
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of, note
from stormwatch.cli.times import moment
from stormwatch.model.case import ActionKind
from stormwatch.model.errors import StormwatchError
from stormwatch.model.times import now_us
from stormwatch.runtime import Runtime

act = typer.Typer(help="Act on accounts; two people always.", no_args_is_help=True, rich_markup_mode=None)
act.command("deliver")(act_outbox.deliver_now)
act.command("outbox")(act_outbox.show_outbox)
act.command("requeue")(act_outbox.requeue_orders)
act.command("plan")(show_plan)

ProposalArgument = Annotated[str, typer.Argument(metavar="PROPOSAL", help="The proposal's id.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the record.")]


@act.command("propose")
def propose(
    ctx: typer.Context,
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="A case in review.")],
    kind: Annotated[ActionKind, typer.Option("--kind", help="What to do to the accounts.")],
    reason_code: Annotated[str, typer.Option("--reason-code", help="See `act reasons`.")],
    account: Annotated[
        list[str] | None, typer.Option("--account", help="Only these accounts; default: all of the case.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="When it ends, as RFC 3339; default: never.")] = None,
    embargo_until: Annotated[
        str | None, typer.Option("--embargo", help="Before when nothing is done; default: it takes effect at once.")
    ] = None,
    only_show: Annotated[
        bool, typer.Option("--dry-run", help="Show whom it would hit and what stands in its way; change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose an action as an analyst, or see what it would do."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    terms = Terms(kind, reason_code, moment(until, "--until"), moment(embargo_until, "--embargo"))
    if only_show:
        found = dry_run(runtime.database, runtime.lake, case_id, terms, account or None)
        emit(dry_run_payload(found), lines_of(dry_run_lines(found)), as_json=as_json)
        return
    proposal = proposals.propose(
        runtime.database,
        runtime.ledger,
        runtime.lake,
        by,
        case_id,
        kind,
        reason_code,
        account_ids=account or None,
        until_us=terms.until_us,
        not_before_us=terms.not_before_us,
    )
    prose = (
        f"{proposal.proposal_id} waits for another person's approval.\n"
        f"{proposal.kind.value}, accounts: {len(proposal.account_ids)}, evidence hash {proposal.evidence_hash}"
        f"{embargo_words(proposal.not_before_us)}"
    )
    warn(proposal)
    emit(proposal_payload(proposal), prose, as_json=as_json)


@act.command("show")
def show(ctx: typer.Context, proposal_id: ProposalArgument, as_json: JsonOption = False) -> None:
    """Show everything that an approval of a proposal covers, and how far its actions came."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    proposal = get_proposal(runtime.database, proposal_id)
    taken = standings(runtime.database, proposal_id=proposal_id)
    payload = {**proposal_payload(proposal), "actions": [standing_payload(each) for each in taken]}
    emit(payload, lines_of([*proposal_lines(proposal), *map(standing_line, taken)]), as_json=as_json)


@act.command("approve")
def approve(
    ctx: typer.Context,
    proposal_id: ProposalArgument,
    evidence_hash: Annotated[
        str, typer.Option("--evidence-hash", help="The hash that `case show --proposal` gave you.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Approve a proposal of somebody else, as an approver; it takes effect at once, or when its embargo ends."""
    runtime = runtime_of(ctx)
    by = person_of(runtime, confirmed=True)
    proposal = get_proposal(runtime.database, proposal_id)
    warn(proposal)
    taken = proposals.approve(runtime.database, runtime.ledger, runtime.lake, by, proposal_id, evidence_hash)
    held = proposal.not_before_us is not None and proposal.not_before_us > now_us()
    what = f"approved{embargo_words(proposal.not_before_us)}" if held else "in effect"
    _emit_effect(runtime, proposal.case_id, [action.action_id for action in taken], what, as_json=as_json)


@act.command("release")
def release(
    ctx: typer.Context, proposal_id: ProposalArgument, reason: ReasonOption, as_json: JsonOption = False
) -> None:
    """End the embargo of an approved proposal early, as an approver who did not propose it."""
    runtime = runtime_of(ctx)
    by = person_of(runtime, confirmed=True)
    case_id = get_proposal(runtime.database, proposal_id).case_id
    found = embargo.release_now(runtime.database, runtime.ledger, runtime.lake, by, proposal_id, reason)
    act_outbox.tell_held_back(found)
    _emit_effect(runtime, case_id, [action.action_id for action in found.in_force], "in effect", as_json=as_json)


@act.command("decline")
def decline(
    ctx: typer.Context, proposal_id: ProposalArgument, reason: ReasonOption, as_json: JsonOption = False
) -> None:
    """Turn a proposal down, as an approver."""
    runtime = runtime_of(ctx)
    proposals.decline(runtime.database, runtime.ledger, person_of(runtime), proposal_id, reason)
    emit(proposal_payload(get_proposal(runtime.database, proposal_id)), f"{proposal_id} is declined.", as_json=as_json)


@act.command("withdraw")
def withdraw(
    ctx: typer.Context, proposal_id: ProposalArgument, reason: ReasonOption, as_json: JsonOption = False
) -> None:
    """Take a proposal back, as an analyst."""
    runtime = runtime_of(ctx)
    proposals.withdraw(runtime.database, runtime.ledger, person_of(runtime), proposal_id, reason)
    emit(proposal_payload(get_proposal(runtime.database, proposal_id)), f"{proposal_id} is withdrawn.", as_json=as_json)


@act.command("reverse")
def reverse(
    ctx: typer.Context,
    action_id: Annotated[list[str], typer.Argument(metavar="ACTION...", help="Ids of actions in effect.")],
    reason: ReasonOption,
    as_json: JsonOption = False,
) -> None:
    """Undo actions as an approver; one person is enough, and the accounts are let in at once."""
    runtime = runtime_of(ctx)
    undone = reverse_actions(runtime.database, runtime.ledger, person_of(runtime), action_id, reason)
    _emit_effect(runtime, None, [action.action_id for action in undone], "reversed", as_json=as_json)


@act.command("list")
def show_list(
    ctx: typer.Context,
    case_id: Annotated[str | None, typer.Option("--case", help="Only those of this case.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List proposals and actions with how far each came, the newest first."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    waiting = list_proposals(runtime.database, case_id=case_id)
    taken = standings(runtime.database, case_id=case_id)
    lines = [
        f"{each.proposal_id}  {each.state.value:9}  {each.kind.value}  {len(each.account_ids)} accounts  "
        f"{each.case_id}{embargo_words(each.not_before_us)}"
        for each in waiting
    ]
    lines += [standing_line(each) for each in taken]
    if taken:
        lines.append(f"Actions: {len(taken):,}; {progress_of(taken).words}.")
    payload = {
        "proposals": [proposal_payload(each) for each in waiting],
        "actions": [standing_payload(each) for each in taken],
        "progress": dict(progress_of(taken).counts),
    }
    emit(payload, lines_of(lines) or "Nothing was proposed yet.", as_json=as_json)


@act.command("reasons")
def reasons(as_json: JsonOption = False) -> None:
    """List the reason codes, and what an account holder is told for each."""
    known = load_reasons()
    lines = [line for reason in known.values() for line in (f"{reason.code}: {reason.title}", f"  {reason.text}")]
    emit({"reasons": msgspec.to_builtins(list(known.values()))}, lines_of(lines), as_json=as_json)


def _tell_holders(runtime: Runtime) -> None:
    # What the action did stays done, whatever becomes of the notice: it is owed until it left.
    try:
        failures = runtime.send_notices().failures
    except StormwatchError as error:
        failures = (str(error),)
    for failure in failures:
        note(f"notice not sent, will be tried again: {failure}")


def _emit_effect(runtime: Runtime, case_id: str | None, action_ids: list[str], what: str, *, as_json: bool) -> None:
    report = act_outbox.carry(runtime).delivery
    _tell_holders(runtime)
    wanted = set(action_ids)
    taken = [each for each in standings(runtime.database, case_id=case_id) if each.action.action_id in wanted]
    progress = progress_of(taken)
    head = f"Actions {what}: {len(taken)}; verified at the gateway: {report.verified}."
    rest = [f"Not all came through: {progress.words}."] if progress.failed else []
    payload = {
        "actions": [standing_payload(each) for each in taken],
        "verified": report.verified,
        "progress": dict(progress.counts),
    }
    emit(payload, lines_of([head, *rest, *map(standing_line, taken)]), as_json=as_json)
