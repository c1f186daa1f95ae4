"""Proposals, dry runs and actions as lines for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stormwatch.actions.collateral import Neighbour
from stormwatch.actions.dry_run import DryRun
from stormwatch.actions.progress import Standing
from stormwatch.actions.proposal_queue import Proposal
from stormwatch.cli.output import note
from stormwatch.model.times import format_rfc3339, now_us, optional_rfc3339, span_words


def warn(proposal: Proposal) -> None:
    """What must not be overlooked, on stderr."""
    for warning in proposal.collateral.warnings:
        note(f"WARNING: {warning}")


def embargo_words(not_before_us: int | None) -> str:
    """The clock of an embargo, to stand after something; empty without one or when it is over."""
    if not_before_us is None or not_before_us <= now_us():
        return ""
    return f", under embargo until {format_rfc3339(not_before_us)} (in {span_words(not_before_us - now_us())})"


def proposal_payload(proposal: Proposal) -> dict[str, object]:
    """A proposal as JSON."""
    return {
        **msgspec.to_builtins(proposal),
        "warnings": list(proposal.collateral.warnings),
        "proposed_time": format_rfc3339(proposal.proposed_us),
        "until_time": optional_rfc3339(proposal.until_us),
        "embargo_time": optional_rfc3339(proposal.not_before_us),
    }


def standing_payload(standing: Standing) -> dict[str, object]:
    """An action as JSON, with where it stands and what went wrong last."""
    order = standing.order
    return {
        **msgspec.to_builtins(standing.action),
        "proposal_id": standing.proposal_id,
        "progress": standing.stage.value,
        "embargo_time": optional_rfc3339(standing.not_before_us),
        "attempts": None if order is None else order.attempts,
        "last_error": None if order is None else order.last_error,
    }


def standing_line(standing: Standing) -> str:
    """An action as a line."""
    action, order = standing.action, standing.order
    wrong = f"  {order.last_error}" if order is not None and order.last_error else ""
    ends = f"  ends {format_rfc3339(action.until_us)}" if action.until_us is not None and action.in_force else ""
    held = embargo_words(standing.not_before_us) if action.stands and not action.in_force else ""
    return f"{action.action_id}  {standing.stage.value:13}  {action.kind.value}  {action.account_id}{ends}{held}{wrong}"


def dry_run_lines(found: DryRun) -> Iterator[str]:
    """What a proposal would do."""
    terms = found.terms
    yield f"{terms.kind.value}, accounts: {len(found.changes)}, evidence hash {found.evidence_hash}"
    if terms.until_us is not None:
        yield f"It ends by itself at {format_rfc3339(terms.until_us)}."
    if terms.not_before_us is not None:
        left = span_words(terms.not_before_us - now_us())
        yield f"Nothing is done before {format_rfc3339(terms.not_before_us)} (in {left})."
    yield from (f"WARNING: {warning}" for warning in found.collateral.warnings)
    for change in found.changes:
        same = " (no change)" if change.before is change.after else ""
        yield f"  {change.account_id}: {change.before.value} -> {change.after.value}{same}"
    if found.collateral.nearest:
        yield "Who else sits there:"
        yield from (f"  {_neighbour(neighbour)}" for neighbour in found.collateral.nearest)
    if found.passed_over:
        yield f"Passed over, under this or a graver action already: {', '.join(found.passed_over)}"
    yield from (f"In the way: {reason}." for reason in found.in_the_way)
    yield "Nothing was changed."


def dry_run_payload(found: DryRun) -> dict[str, object]:
    """The same as JSON."""
    return {
        "dry_run": True,
        "case_id": found.file.case.case_id,
        "kind": found.terms.kind.value,
        "reason_code": found.terms.reason_code,
        "until_time": optional_rfc3339(found.terms.until_us),
        "embargo_time": optional_rfc3339(found.terms.not_before_us),
        "evidence_hash": found.evidence_hash,
        "accounts": msgspec.to_builtins(found.changes),
        "passed_over": list(found.passed_over),
        "collateral": msgspec.to_builtins(found.collateral),
        "warnings": list(found.collateral.warnings),
        "in_the_way": list(found.in_the_way),
    }


def _neighbour(neighbour: Neighbour) -> str:
    shared = [f"address {', '.join(neighbour.addresses)}"] if neighbour.addresses else []
    shared += ["same organisation"] if neighbour.same_org else []
    flag = "  VERIFIED RESEARCHER" if neighbour.verified_researcher else ""
    return f"{neighbour.account_id}: {'; '.join(shared)}{flag}"
