"""`stormwatch act`: propose, approve and reverse actions on accounts, each in the name of a person."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from stormwatch.actions import proposals
from stormwatch.actions.delivery import DeliveryReport, deliver, waiting_orders
from stormwatch.actions.execution import list_actions
from stormwatch.actions.notices.drafting import require_owners_told
from stormwatch.actions.proposal_queue import Proposal, get_proposal, list_proposals
from stormwatch.actions.reasons import load_reasons
from stormwatch.actions.reversal import reverse as reverse_actions
from stormwatch.adapters.decision_endpoint import decision_endpoint
from stormwatch.cases.queue import get_case
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of, note
from stormwatch.model.case import Action, ActionKind
from stormwatch.model.errors import StormwatchError, WrongUsage
from stormwatch.model.times import format_rfc3339, parse_rfc3339
from stormwatch.runtime import Runtime

act = typer.Typer(help="Act on accounts; two people always.", no_args_is_help=True, rich_markup_mode=None)

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
    as_json: JsonOption = False,
) -> None:
    """Propose an action as an analyst."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    require_owners_told(runtime.desk, get_case(runtime.database, case_id), account or (), reason_code)
    proposal = proposals.propose(
        runtime.database,
        runtime.ledger,
        runtime.lake,
        by,
        case_id,
        kind,
        reason_code,
        account_ids=account or None,
        until_us=None if until is None else _moment(until),
    )
    prose = (
        f"{proposal.proposal_id} waits for another person's approval.\n"
        f"{proposal.kind.value}, accounts: {len(proposal.account_ids)}, evidence hash {proposal.evidence_hash}"
    )
    _warn(proposal)
    emit(_proposal(proposal), prose, as_json=as_json)


@act.command("approve")
def approve(
    ctx: typer.Context,
    proposal_id: ProposalArgument,
    evidence_hash: Annotated[
        str, typer.Option("--evidence-hash", help="The hash that `case show --proposal` gave you.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Approve a proposal of somebody else, as an approver; it takes effect at once."""
    runtime = runtime_of(ctx)
    by = person_of(runtime, confirmed=True)
    _warn(get_proposal(runtime.database, proposal_id))
    taken = proposals.approve(runtime.database, runtime.ledger, runtime.lake, by, proposal_id, evidence_hash)
    _emit_effect(runtime, [action.action_id for action in taken], "in effect", as_json=as_json)


@act.command("decline")
def decline(
    ctx: typer.Context, proposal_id: ProposalArgument, reason: ReasonOption, as_json: JsonOption = False
) -> None:
    """Turn a proposal down, as an approver."""
    runtime = runtime_of(ctx)
    proposals.decline(runtime.database, runtime.ledger, person_of(runtime), proposal_id, reason)
    emit(_proposal(get_proposal(runtime.database, proposal_id)), f"{proposal_id} is declined.", as_json=as_json)


@act.command("withdraw")
def withdraw(
    ctx: typer.Context, proposal_id: ProposalArgument, reason: ReasonOption, as_json: JsonOption = False
) -> None:
    """Take a proposal back, as an analyst."""
    runtime = runtime_of(ctx)
    proposals.withdraw(runtime.database, runtime.ledger, person_of(runtime), proposal_id, reason)
    emit(_proposal(get_proposal(runtime.database, proposal_id)), f"{proposal_id} is withdrawn.", as_json=as_json)


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
    _emit_effect(runtime, [action.action_id for action in undone], "reversed", as_json=as_json)


@act.command("list")
def show_list(
    ctx: typer.Context,
    case_id: Annotated[str | None, typer.Option("--case", help="Only those of this case.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List proposals and actions, the newest first."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    waiting = list_proposals(runtime.database, case_id=case_id)
    taken = list_actions(runtime.database, case_id=case_id)
    lines = [
        f"{each.proposal_id}  {each.state.value:9}  {each.kind.value}  {len(each.account_ids)} accounts  {each.case_id}"
        for each in waiting
    ]
    lines += [f"{each.action_id}  {_progress(each):12}  {each.kind.value}  {each.account_id}" for each in taken]
    payload = {"proposals": [_proposal(each) for each in waiting], "actions": [_action(each) for each in taken]}
    emit(payload, lines_of(lines) or "Nothing was proposed yet.", as_json=as_json)


@act.command("reasons")
def reasons(as_json: JsonOption = False) -> None:
    """List the reason codes, and what an account holder is told for each."""
    known = load_reasons()
    lines = [line for reason in known.values() for line in (f"{reason.code}: {reason.title}", f"  {reason.text}")]
    emit({"reasons": msgspec.to_builtins(list(known.values()))}, lines_of(lines), as_json=as_json)


@act.command("deliver")
def deliver_again(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Tell the gateways what they have not confirmed yet, without waiting for the next try."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    report = _deliver(runtime, all_waiting=True)
    payload = {"verified": report.verified, "waiting": waiting_orders(runtime.database)}
    emit(payload, f"Orders verified: {report.verified}; waiting: {payload['waiting']}.", as_json=as_json)


def _deliver(runtime: Runtime, *, all_waiting: bool = False) -> DeliveryReport:
    gateway = decision_endpoint(runtime.database, runtime.settings)
    report = deliver(runtime.database, runtime.ledger, [gateway], all_waiting=all_waiting)
    for failure in report.failures:
        note(f"not verified, will be tried again: {failure}")
    return report


def _tell_holders(runtime: Runtime) -> None:
    # What the action did stays done, whatever becomes of the notice: it is owed until it left.
    try:
        failures = runtime.send_notices().failures
    except StormwatchError as error:
        failures = (str(error),)
    for failure in failures:
        note(f"notice not sent, will be tried again: {failure}")


def _emit_effect(runtime: Runtime, action_ids: list[str], what: str, *, as_json: bool) -> None:
    report = _deliver(runtime)
    _tell_holders(runtime)
    taken = [action for action in list_actions(runtime.database) if action.action_id in set(action_ids)]
    lines = [f"{action.action_id}  {action.kind.value}  {action.account_id}" for action in taken]
    prose = lines_of([f"Actions {what}: {len(taken)}; verified at the gateway: {report.verified}.", *lines])
    emit({"actions": [_action(action) for action in taken], "verified": report.verified}, prose, as_json=as_json)


def _warn(proposal: Proposal) -> None:
    for warning in proposal.collateral.warnings:
        note(f"WARNING: {warning}")


def _progress(action: Action) -> str:
    if action.reversed_us is not None:
        return "reversed"
    if action.verified_us is not None:
        return "verified"
    return "acknowledged" if action.acknowledged_us is not None else "requested"


def _proposal(proposal: Proposal) -> dict[str, object]:
    return {
        **msgspec.to_builtins(proposal),
        "warnings": list(proposal.collateral.warnings),
        "proposed_time": format_rfc3339(proposal.proposed_us),
    }


def _action(action: Action) -> dict[str, object]:
    return {**msgspec.to_builtins(action), "progress": _progress(action)}


def _moment(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise WrongUsage(f"{text} is no time", where="--until", remedy="write 2026-12-31T00:00:00Z") from error
