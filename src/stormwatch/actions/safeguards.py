"""What an approval has to hold against: who proposed, what the ledger says was proposed, and what is known by now."""

from __future__ import annotations

from sqlalchemy import Connection

from stormwatch.access.same_people import why_the_same
from stormwatch.actions.proposal_queue import Proposal
from stormwatch.cases.evidence_file import evidence_file_in
from stormwatch.ledger.canonical import JSON
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import Case, CaseState
from stormwatch.model.errors import Forbidden
from stormwatch.model.principal import Principal
from stormwatch.storage.lake import Lake


def require_another(connection: Connection, by: Principal, proposal: Proposal) -> None:
    """Raises Forbidden when whoever acts is, for all that is known, the human being who proposed."""
    same = why_the_same(connection, by, proposal.proposed_by)
    if same is not None:
        raise Forbidden(same, where=proposal.proposal_id, remedy="another approver has to decide")


def covered_by(proposal: Proposal) -> dict[str, JSON]:
    """Everything that an approval covers, as it goes on the ledger."""
    return {
        "proposal": proposal.proposal_id,
        "kind": proposal.kind.value,
        "reason_code": proposal.reason_code,
        "accounts": list(proposal.account_ids),
        "evidence_hash": proposal.evidence_hash,
        "until_us": proposal.until_us,
        "not_before_us": proposal.not_before_us,
    }


def differs_from_record(ledger: Ledger, proposal: Proposal) -> str | None:
    """What is wrong where the proposal is not the one that the ledger holds: somebody wrote into the database."""
    wanted = covered_by(proposal)
    for entry in ledger.entries(kind="action.proposed", subject=proposal.case_id):
        if entry.body.get("proposal") == proposal.proposal_id:
            held = {name: entry.body.get(name) for name in wanted}
            same = entry.by == proposal.proposed_by and held == wanted
            return None if same else "it is not what was put on the ledger when it was made"
    return "the ledger does not know it"


def what_changed(connection: Connection, lake: Lake, case: Case, proposal: Proposal) -> str | None:
    """Why a proposal cannot stand any more; None while accounts and evidence are what they were."""
    if case.state is not CaseState.PROPOSED:
        return f"the case is {case.state.value} now"
    if not set(proposal.account_ids) <= set(case.account_ids):
        return "accounts left the case since"
    file = evidence_file_in(connection, lake, case, proposal.account_ids)
    if file.digest != proposal.evidence_hash:
        return "the accounts or the evidence changed since it was made"
    if evidence_file_in(connection, lake, case).unanswered:
        return "an innocent explanation came up that has no answer"
    return None
