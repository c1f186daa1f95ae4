"""Acting on a case: the preview with collateral and hash, the proposal, the second person's decision, the reversal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from stormwatch.actions import proposals, reversal
from stormwatch.actions.collateral import collateral
from stormwatch.actions.delivery import deliver
from stormwatch.actions.notices.drafting import require_owners_told
from stormwatch.actions.reasons import reason_of
from stormwatch.adapters.decision_endpoint import decision_endpoint
from stormwatch.cases.evidence_file import build_evidence_file
from stormwatch.cases.queue import get_case
from stormwatch.console.entering import carrying, stepped_up
from stormwatch.console.pages.appeal import tell_holders
from stormwatch.console.pages.case import NO_FILTERS, Text, act_on_case, show_case
from stormwatch.console.rendering import page
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.model.case import ActionKind
from stormwatch.model.errors import Conflict, Forbidden
from stormwatch.runtime import Runtime

router = APIRouter()

Accounts = Annotated[list[str] | None, Form()]


@router.get("/cases/{case_id}/proposal")
def preview(
    request: Request,
    session: SignedIn,
    case_id: str,
    kind: ActionKind,
    reason_code: str,
    account: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """What a proposal would cover, before it is made: accounts, collateral and the exact hash."""
    runtime: Runtime = request.app.state.runtime
    case = get_case(runtime.database, case_id)
    file = build_evidence_file(runtime.lake, runtime.database, case, account or None)
    values = {
        "case": case,
        "file": file,
        "kind": kind,
        "reason": reason_of(reason_code),
        "collateral": collateral(
            runtime.lake, [entry.account_id for entry in file.accounts], by_links_alone=len(file.by_links_alone)
        ),
    }
    return page(request, session, "proposal.html", values)


@router.post("/cases/{case_id}/propose")
def propose(
    request: Request,
    session: PostedBy,
    case_id: str,
    kind: Annotated[ActionKind, Form()],
    reason_code: Text,
    evidence_hash: Text,
    account: Accounts = None,
) -> Response:
    """Asks a second person for the action that was previewed; refused when what was shown has changed."""
    runtime: Runtime = request.app.state.runtime

    def deed() -> None:
        case = get_case(runtime.database, case_id)
        if build_evidence_file(runtime.lake, runtime.database, case, account or ()).digest != evidence_hash:
            raise Conflict(
                "accounts or evidence changed since they were shown", where=case_id, remedy="look again, then propose"
            )
        require_owners_told(runtime.desk, case, account or (), reason_code)
        proposals.propose(
            runtime.database,
            runtime.ledger,
            runtime.lake,
            session.principal,
            case_id,
            kind,
            reason_code,
            account_ids=account or (),
        )

    return act_on_case(request, session, case_id, "proposed", deed)


@router.post("/cases/{case_id}/proposals/{proposal_id}/approve")
def approve(
    request: Request, session: PostedBy, case_id: str, proposal_id: str, evidence_hash: Text, code: Text = ""
) -> Response:
    """Lets a proposal take effect, for the evidence that this page showed."""
    runtime: Runtime = request.app.state.runtime
    try:
        proved = stepped_up(request, session, code)
    except Forbidden as error:
        return show_case(request, session, case_id, NO_FILTERS, alert=error)
    by = proved.session.principal

    def deed() -> None:
        proposals.approve(runtime.database, runtime.ledger, runtime.lake, by, proposal_id, evidence_hash)
        _tell_gateways(runtime)

    return carrying(request, act_on_case(request, proved.session, case_id, "approved", deed), proved)


@router.post("/cases/{case_id}/proposals/{proposal_id}/decline")
def decline(request: Request, session: PostedBy, case_id: str, proposal_id: str, reason: Text = "") -> Response:
    """Turns a proposal down."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "declined",
        lambda: proposals.decline(runtime.database, runtime.ledger, session.principal, proposal_id, reason),
    )


@router.post("/cases/{case_id}/proposals/{proposal_id}/withdraw")
def withdraw(request: Request, session: PostedBy, case_id: str, proposal_id: str, reason: Text = "") -> Response:
    """Takes a proposal back."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "withdrawn",
        lambda: proposals.withdraw(runtime.database, runtime.ledger, session.principal, proposal_id, reason),
    )


@router.post("/cases/{case_id}/reverse")
def reverse(
    request: Request,
    session: PostedBy,
    case_id: str,
    action: Annotated[list[str] | None, Form()] = None,
    reason: Text = "",
) -> Response:
    """Undoes actions at once."""
    runtime: Runtime = request.app.state.runtime

    def deed() -> None:
        reversal.reverse(runtime.database, runtime.ledger, session.principal, action or (), reason)
        _tell_gateways(runtime)

    return act_on_case(request, session, case_id, "reversed", deed)


def _tell_gateways(runtime: Runtime) -> None:
    # What fails stays in the outbox and is tried again; the decision itself took effect with its transaction.
    deliver(runtime.database, runtime.ledger, [decision_endpoint(runtime.database, runtime.settings)])
    tell_holders(runtime)
