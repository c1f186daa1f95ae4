"""Approved actions out of their embargo: when it ends they go out together, those that lost their ground stay back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from stormwatch.access.acting import confirmed_person
from stormwatch.actions.ending import mark_ended
from stormwatch.actions.execution import bring_into_force, read_actions
from stormwatch.actions.proposal_queue import Proposal, ProposalState, proposal_row
from stormwatch.actions.safeguards import require_another
from stormwatch.cases.findings import rows_where, subjects
from stormwatch.cases.said import said
from stormwatch.cases.states import move, state_of
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.case import Action, CaseState
from stormwatch.model.errors import Conflict
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us as present
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.actions import actions, proposals


@dataclass(frozen=True, slots=True)
class Release:
    """What the end of embargoes did: actions now in force, and accounts that were held back, each with why."""

    in_force: tuple[Action, ...] = ()
    held_back: tuple[tuple[str, str], ...] = ()


def release_due(database: Database, ledger: Ledger, lake: Lake, *, now_us: int | None = None) -> Release:
    """Brings everything into force whose embargo is over, in one transaction, so that it goes out together.

    The approval stands through the embargo, while evidence may grow. An account stays back when it is known by now to
    be a verified researcher's, or when the last hunt suspects it no more; its case then goes back into review.
    """
    moment = present() if now_us is None else now_us
    with database.read() as connection:
        if not _due(connection, moment):
            return Release()
    with database.write() as connection:
        return _release(connection, ledger, lake, _due(connection, moment), moment)


def release_now(
    database: Database, ledger: Ledger, lake: Lake, by: Principal, proposal_id: str, reason: str
) -> Release:
    """An approver who did not propose ends the embargo of an approved proposal early; a reason is needed."""
    stated = said(reason, "ending an embargo early needs a reason")
    with database.write() as connection:
        person, now = confirmed_person(connection, by, Role.APPROVER), present()
        proposal = proposal_row(connection, proposal_id)
        require_another(connection, by, proposal)
        if proposal.state is not ProposalState.APPROVED or not _held(connection, proposal):
            raise Conflict("no embargo holds anything of this proposal back", where=proposal_id)
        connection.execute(update(proposals).where(proposals.c.proposal_id == proposal_id).values(not_before_us=now))
        body = {"proposal": proposal_id, "not_before_us": proposal.not_before_us, "reason": stated}
        ledger.append(connection, "action.embargo-lifted", person.person_id, proposal.case_id, body)
        return _release(connection, ledger, lake, [proposal], now)


def _due(connection: Connection, now: int) -> list[Proposal]:
    query = (
        select(proposals.c.proposal_id)
        .join(actions, actions.c.proposal_id == proposals.c.proposal_id)
        .where(proposals.c.not_before_us <= now, actions.c.effective_us.is_(None))
        .where(actions.c.reversed_us.is_(None), actions.c.ended_us.is_(None))
        .distinct()
    )
    return [proposal_row(connection, proposal_id) for proposal_id in sorted(connection.execute(query).scalars())]


def _held(connection: Connection, proposal: Proposal) -> tuple[Action, ...]:
    query = select(actions).where(
        actions.c.proposal_id == proposal.proposal_id,
        actions.c.effective_us.is_(None),
        actions.c.reversed_us.is_(None),
        actions.c.ended_us.is_(None),
    )
    return read_actions(connection, query.order_by(actions.c.account_id))


def _release(connection: Connection, ledger: Ledger, lake: Lake, due: Sequence[Proposal], now: int) -> Release:
    in_force: list[Action] = []
    held_back: list[tuple[str, str]] = []
    for proposal in due:
        held = _held(connection, proposal)
        groundless = _groundless(lake, proposal, [action.account_id for action in held], now)
        going = [action for action in held if action.account_id not in groundless]
        bring_into_force(connection, going, now)
        in_force += going
        if going:
            body = {"proposal": proposal.proposal_id, "accounts": [action.account_id for action in going]}
            ledger.append(connection, "action.released", SYSTEM, proposal.case_id, body)
        staying = [action for action in held if action.account_id in groundless]
        mark_ended(connection, [action.action_id for action in staying], now)
        for action in staying:
            why = groundless[action.account_id]
            held_back.append((action.account_id, why))
            body = {"action": action.action_id, "account": action.account_id, "reason": why}
            ledger.append(connection, "action.held-back", SYSTEM, proposal.case_id, body)
        if staying and state_of(connection, proposal.case_id) is CaseState.ACTED:
            reason = f"{len(staying)} of the approved actions lost their ground during the embargo"
            move(connection, ledger, proposal.case_id, CaseState.IN_REVIEW, by=SYSTEM, reason=reason, now_us=now)
    return Release(tuple(in_force), tuple(held_back))


def _groundless(lake: Lake, proposal: Proposal, account_ids: Collection[str], now: int) -> Mapping[str, str]:
    """Accounts that must not be acted on any more, each with why."""
    if proposal.until_us is not None and proposal.until_us <= now:
        return dict.fromkeys(account_ids, "its end had come before its embargo was over")
    suspected = {account_id for subject in subjects(lake) for account_id in subject.account_ids}
    known = set(proposal.collateral.verified_researchers)
    records = rows_where(lake, "account_records", "account_id", account_ids, ["account_id", "verified_researcher"])
    found = {
        account_id: "the last hunt suspects it no more" for account_id in account_ids if account_id not in suspected
    }
    found |= {
        row["account_id"]: "it is a verified researcher's"
        for row in records
        if row["verified_researcher"] and row["account_id"] not in known
    }
    return found
