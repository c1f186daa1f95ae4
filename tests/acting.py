"""Short forms of what tests of actions do again and again on the small watch floor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from review_floor import Floor
from stormwatch.actions.delivery import Effort
from stormwatch.actions.ports import Gateway
from stormwatch.actions.proposal_queue import Proposal
from stormwatch.actions.proposals import approve, propose
from stormwatch.actions.round import Round, go_round
from stormwatch.cases.review import claim
from stormwatch.model.case import Action, ActionKind, CaseState
from stormwatch.model.principal import Principal


def proposal_on(
    floor: Floor, *, kind: ActionKind = ActionKind.SUSPEND, by: Principal | None = None, **terms: Any
) -> Proposal:
    """A proposal on the case of accounts a and b, which is made and reviewed where it is not yet."""
    runtime = floor.runtime
    if not floor.subjects:
        floor.suspect("cluster-1", ["a", "b"])
        floor.hunt()
        floor.reviewed_case()
    case = floor.case()
    if case.state is not CaseState.IN_REVIEW:
        claim(runtime.database, runtime.ledger, floor.analyst, case.case_id)
        floor.answer_all(case.case_id)
    args = (runtime.database, runtime.ledger, runtime.lake, by or floor.analyst, case.case_id, kind, "fraud")
    return propose(*args, **terms)


def approved(floor: Floor, proposal: Proposal, by: Principal | None = None) -> tuple[Action, ...]:
    """The actions of a proposal, approved."""
    runtime = floor.runtime
    args = (runtime.database, runtime.ledger, runtime.lake, by or floor.approver)
    return approve(*args, proposal.proposal_id, proposal.evidence_hash)


def acted(floor: Floor, **terms: Any) -> tuple[Action, ...]:
    """Proposed by one and approved by another."""
    return approved(floor, proposal_on(floor, **terms))


def round_of(floor: Floor, gateways: Sequence[Gateway], **effort: Any) -> Round:
    """One round, which takes also what is put off."""
    runtime = floor.runtime
    trying = Effort(**{"all_waiting": True, **effort})
    return go_round(runtime.database, runtime.ledger, runtime.lake, gateways, trying)


def kinds_on_ledger(floor: Floor) -> list[str]:
    """The kinds of all entries, in their order."""
    return [entry.kind for entry in floor.runtime.ledger.entries()]
