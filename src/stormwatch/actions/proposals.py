"""Two people act: an analyst proposes an action on exact accounts and evidence, another person approves or declines."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, insert, update

from stormwatch.access.acting import acting_person, confirmed_person
from stormwatch.actions.dry_run import DryRun, dry_run_in
from stormwatch.actions.execution import put_into_effect
from stormwatch.actions.proposal_queue import Proposal, ProposalState, pending_proposal, proposal_row
from stormwatch.actions.safeguards import covered_by, differs_from_record, require_another, what_changed
from stormwatch.actions.terms import Terms
from stormwatch.cases.evidence_file import evidence_file_in
from stormwatch.cases.queue import case_row
from stormwatch.cases.review import settle
from stormwatch.cases.said import said
from stormwatch.cases.states import move, require_state
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import Action, ActionKind, Case, CaseState
from stormwatch.model.errors import Conflict
from stormwatch.model.ids import new_id
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import format_rfc3339, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.actions import proposal_accounts, proposals


def propose(
    database: Database,
    ledger: Ledger,
    lake: Lake,
    by: Principal,
    case_id: str,
    kind: ActionKind,
    reason_code: str,
    *,
    account_ids: Collection[str] | None = None,
    until_us: int | None = None,
    not_before_us: int | None = None,
) -> Proposal:
    """An analyst asks for an action on accounts of a case in review; by default on all that it does not hold already.

    `not_before_us` is an embargo: approved, it takes effect then and not before. Raises Conflict while a top
    alternative has no answer, the owner of a stolen key was not told, another proposal waits, or nothing is left to act
    on; InvalidInput for accounts that are not the case's and times that make no sense. A waiting proposal that a change
    made void gives way.
    """
    terms, now = Terms(kind, reason_code, until_us, not_before_us), now_us()
    terms.check(now)
    with database.write() as connection:
        person = acting_person(connection, by, Role.ANALYST)
        case = case_row(connection, case_id)
        _drop_stale(connection, ledger, lake, case, person.person_id)
        require_state(connection, case_id, CaseState.IN_REVIEW, remedy="claim it first")
        dry = dry_run_in(connection, lake, case_id, terms, account_ids)
        _require_answers(dry)
        _require_owners_told(dry)
        proposal = Proposal(
            proposal_id=new_id("proposal"),
            case_id=case_id,
            kind=kind,
            reason_code=reason_code,
            state=ProposalState.PENDING,
            evidence_hash=dry.evidence_hash,
            account_ids=tuple(entry.account_id for entry in dry.file.accounts),
            collateral=dry.collateral,
            proposed_by=person.person_id,
            proposed_us=now,
            until_us=until_us,
            not_before_us=not_before_us,
        )
        _insert(connection, proposal)
        _announce(connection, ledger, proposal)
    return proposal


def approve(
    database: Database, ledger: Ledger, lake: Lake, by: Principal, proposal_id: str, evidence_hash: str
) -> tuple[Action, ...]:
    """A second person lets a proposal take effect; the decision list changes in the same transaction, or at the end of
    its embargo.

    `evidence_hash` is that of the evidence the approver was shown. Raises Forbidden for who is no approver or is the
    proposer, whatever role or other account of theirs they use by now; FactorNeeded while a second factor has to be
    given anew; Conflict when the proposal waits no more, when another hash was shown, and when accounts, evidence or
    the proposal itself changed since it was made, which voids it. Hand the outbox to gateways afterwards
    (`actions.delivery.deliver`).
    """
    with database.write() as connection:
        person = confirmed_person(connection, by, Role.APPROVER)
        proposal = _pending(connection, proposal_id)
        require_another(connection, by, proposal)
        if evidence_hash != proposal.evidence_hash:
            raise Conflict(
                "the proposal is about other evidence than you were shown",
                where=proposal_id,
                remedy="look at the evidence file again",
            )
        case = case_row(connection, proposal.case_id)
        changed = differs_from_record(ledger, proposal) or what_changed(connection, lake, case, proposal)
        if changed is None:
            return _take_effect(connection, ledger, lake, case, proposal, person.person_id)
        _settle(connection, ledger, proposal, ProposalState.VOID, person.person_id, changed)
    # Raised after the commit: that the proposal is void must stay.
    raise Conflict(f"the proposal is void: {changed}", where=proposal_id, remedy="an analyst has to propose anew")


def decline(database: Database, ledger: Ledger, by: Principal, proposal_id: str, reason: str) -> None:
    """An approver turns a proposal down; the case goes back into review."""
    _end(database, ledger, by, Role.APPROVER, proposal_id, ProposalState.DECLINED, reason)


def withdraw(database: Database, ledger: Ledger, by: Principal, proposal_id: str, reason: str) -> None:
    """An analyst takes a proposal back; the case goes back into review."""
    _end(database, ledger, by, Role.ANALYST, proposal_id, ProposalState.WITHDRAWN, reason)


def _end(
    database: Database, ledger: Ledger, by: Principal, role: Role, proposal_id: str, to: ProposalState, reason: str
) -> None:
    stated = said(reason, "this needs a reason")
    with database.write() as connection:
        person = acting_person(connection, by, role)
        _settle(connection, ledger, _pending(connection, proposal_id), to, person.person_id, stated)


def _pending(connection: Connection, proposal_id: str) -> Proposal:
    proposal = proposal_row(connection, proposal_id)
    if proposal.state is not ProposalState.PENDING:
        raise Conflict(f"the proposal is {proposal.state.value} already", where=proposal_id)
    return proposal


def _require_answers(dry: DryRun) -> None:
    case_id = dry.file.case.case_id
    if dry.file.likelihood is None:
        raise Conflict("the last hunt assessed these accounts no more", where=case_id, remedy="hunt again")
    if dry.unanswered:
        open_ones = "; ".join(f"{a.alternative_id}: {a.statement}" for a in dry.unanswered)
        raise Conflict("some innocent explanations have no answer yet", where=case_id, remedy=f"answer {open_ones}")


def _require_owners_told(dry: DryRun) -> None:
    if dry.untold_owner is not None:
        raise Conflict(
            f"the owner of {dry.untold_owner} comes first: a stolen key has a victim",
            where=dry.file.case.case_id,
            remedy="let the notice to the key's owner go (`stormwatch notice list --state draft`), then propose",
        )


def _drop_stale(connection: Connection, ledger: Ledger, lake: Lake, case: Case, by: str) -> None:
    waiting = pending_proposal(connection, case.case_id)
    if waiting is None:
        return
    changed = what_changed(connection, lake, case, waiting)
    if changed is None:
        raise Conflict("a proposal waits for approval", where=waiting.proposal_id, remedy="withdraw it first")
    _settle(connection, ledger, waiting, ProposalState.VOID, by, changed)


def _insert(connection: Connection, proposal: Proposal) -> None:
    connection.execute(
        insert(proposals).values(
            proposal_id=proposal.proposal_id,
            case_id=proposal.case_id,
            kind=proposal.kind.value,
            reason_code=proposal.reason_code,
            state=proposal.state.value,
            evidence_hash=proposal.evidence_hash,
            collateral=msgspec.to_builtins(proposal.collateral),
            until_us=proposal.until_us,
            not_before_us=proposal.not_before_us,
            proposed_by=proposal.proposed_by,
            proposed_us=proposal.proposed_us,
        )
    )
    rows = [{"proposal_id": proposal.proposal_id, "account_id": account_id} for account_id in proposal.account_ids]
    connection.execute(insert(proposal_accounts), rows)


def _announce(connection: Connection, ledger: Ledger, proposal: Proposal) -> None:
    """Moves the case on and puts the proposal on the ledger."""
    move(
        connection,
        ledger,
        proposal.case_id,
        CaseState.PROPOSED,
        by=proposal.proposed_by,
        reason=f"{proposal.kind.value} proposed",
        now_us=proposal.proposed_us,
    )
    ledger.append(
        connection,
        "action.proposed",
        proposal.proposed_by,
        proposal.case_id,
        {**covered_by(proposal), "warnings": list(proposal.collateral.warnings)},
    )


def _settle(
    connection: Connection, ledger: Ledger, proposal: Proposal, to: ProposalState, by: str, reason: str
) -> None:
    now = now_us()
    connection.execute(
        update(proposals)
        .where(proposals.c.proposal_id == proposal.proposal_id)
        .values(state=to.value, decided_by=by, decided_us=now, decision_reason=reason)
    )
    ledger.append(
        connection,
        f"action.{to.value}",
        by,
        proposal.case_id,
        {**covered_by(proposal), "reason": reason},
    )
    if to is not ProposalState.APPROVED and case_row(connection, proposal.case_id).state is CaseState.PROPOSED:
        move(
            connection, ledger, proposal.case_id, CaseState.IN_REVIEW, by=by, reason=f"{to.value}: {reason}", now_us=now
        )


def _take_effect(
    connection: Connection, ledger: Ledger, lake: Lake, case: Case, proposal: Proposal, by: str
) -> tuple[Action, ...]:
    _settle(connection, ledger, proposal, ProposalState.APPROVED, by, "approved")
    taken = put_into_effect(connection, proposal, by, now_us())
    held = "" if proposal.not_before_us is None else f", under embargo until {format_rfc3339(proposal.not_before_us)}"
    move(
        connection,
        ledger,
        case.case_id,
        CaseState.ACTED,
        by=by,
        reason=f"{proposal.kind.value} approved{held}",
        now_us=now_us(),
        facts={"evidence_hash": proposal.evidence_hash},
    )
    settle(connection, evidence_file_in(connection, lake, case))
    return taken
