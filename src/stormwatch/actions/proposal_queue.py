"""Proposals as the database holds them: what an analyst asks for and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, Row, select

from stormwatch.actions.collateral import Collateral
from stormwatch.model.case import ActionKind
from stormwatch.model.errors import NotFound
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import proposal_accounts, proposals


class ProposalState(StrEnum):
    """Where a proposal stands; only a pending one can be decided."""

    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action that waits for a second person. `evidence_hash` is that of the evidence file of these accounts.

    `not_before_us` is the embargo: approved or not, nothing is delivered before; None: at once.
    """

    proposal_id: str
    case_id: str
    kind: ActionKind
    reason_code: str
    state: ProposalState
    evidence_hash: str
    account_ids: tuple[str, ...]
    collateral: Collateral
    proposed_by: str
    proposed_us: int
    until_us: int | None = None
    decided_by: str | None = None
    decided_us: int | None = None
    decision_reason: str | None = None
    not_before_us: int | None = None


def get_proposal(database: Database, proposal_id: str) -> Proposal:
    """One proposal; NotFound when there is none of that id."""
    with database.read() as connection:
        return proposal_row(connection, proposal_id)


def list_proposals(
    database: Database, *, case_id: str | None = None, state: ProposalState | None = None
) -> tuple[Proposal, ...]:
    """Proposals, newest first, of one case or in one state if asked."""
    query = select(proposals).order_by(proposals.c.proposed_us.desc(), proposals.c.proposal_id)
    if case_id is not None:
        query = query.where(proposals.c.case_id == case_id)
    if state is not None:
        query = query.where(proposals.c.state == state.value)
    with database.read() as connection:
        return tuple(_proposal(connection, row) for row in connection.execute(query).all())


def proposal_row(connection: Connection, proposal_id: str) -> Proposal:
    """One proposal inside the caller's transaction; NotFound when there is none of that id."""
    row = connection.execute(select(proposals).where(proposals.c.proposal_id == proposal_id)).first()
    if row is None:
        raise NotFound("there is no such proposal", where=proposal_id, remedy="see `stormwatch act list`")
    return _proposal(connection, row)


def pending_proposal(connection: Connection, case_id: str) -> Proposal | None:
    """The proposal on a case that waits for a second person, inside the caller's transaction."""
    row = connection.execute(
        select(proposals).where(proposals.c.case_id == case_id, proposals.c.state == ProposalState.PENDING.value)
    ).first()
    return None if row is None else _proposal(connection, row)


def _proposal(connection: Connection, row: Row[tuple[object, ...]]) -> Proposal:
    held = select(proposal_accounts.c.account_id).where(proposal_accounts.c.proposal_id == row.proposal_id)
    return Proposal(
        proposal_id=row.proposal_id,
        case_id=row.case_id,
        kind=ActionKind(row.kind),
        reason_code=row.reason_code,
        state=ProposalState(row.state),
        evidence_hash=row.evidence_hash,
        account_ids=tuple(sorted(connection.execute(held).scalars())),
        collateral=msgspec.convert(row.collateral, Collateral),
        proposed_by=row.proposed_by,
        proposed_us=row.proposed_us,
        until_us=row.until_us,
        decided_by=row.decided_by,
        decided_us=row.decided_us,
        decision_reason=row.decision_reason,
        not_before_us=row.not_before_us,
    )
