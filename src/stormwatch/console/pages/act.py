"""Acting on a case: the preview with collateral and hash, the proposal, the second person's decision, the reversal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from stormwatch.access.sessions import Session
from stormwatch.actions import embargo as embargoes
from stormwatch.actions import proposals, reversal
from stormwatch.actions.dry_run import dry_run
from stormwatch.actions.reasons import reason_of
from stormwatch.actions.terms import Terms
from stormwatch.cases.evidence_file import build_evidence_file
from stormwatch.cases.queue import get_case
from stormwatch.console.entering import carrying, stepped_up
from stormwatch.console.form_times import moment_of
from stormwatch.console.pages.appeal import tell_holders
from stormwatch.console.pages.case import NO_FILTERS, Text, act_on_case, show_case
from stormwatch.console.pages.outbox import tell_gateways
from stormwatch.console.rendering import page
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.model.case import ActionKind
from stormwatch.model.errors import Conflict, Forbidden
from stormwatch.model.principal import Principal
from stormwatch.model.times import optional_rfc3339
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
    until: str = "",
    embargo: str = "",
) -> Response:
    """What a proposal would cover, before it is made: accounts, collateral and the exact hash."""
    runtime: Runtime = request.app.state.runtime
    dry = dry_run(runtime.database, runtime.lake, case_id, _terms(kind, reason_code, until, embargo), account or None)
    values = {
        "case": dry.file.case,
        "file": dry.file,
        "dry": dry,
        "kind": kind,
        "reason": reason_of(reason_code),
        "until": optional_rfc3339(dry.terms.until_us) or "",
        "embargo": optional_rfc3339(dry.terms.not_before_us) or "",
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
    until: Text = "",
    embargo: Text = "",
) -> Response:
    """Asks a second person for the action that was previewed; refused when what was shown has changed."""
    runtime: Runtime = request.app.state.runtime

    def deed() -> None:
        case = get_case(runtime.database, case_id)
        if build_evidence_file(runtime.lake, runtime.database, case, account or ()).digest != evidence_hash:
            raise Conflict(
                "accounts or evidence changed since they were shown", where=case_id, remedy="look again, then propose"
            )
        terms = _terms(kind, reason_code, until, embargo)
        proposals.propose(
            runtime.database,
            runtime.ledger,
            runtime.lake,
            session.principal,
            case_id,
            kind,
            reason_code,
            account_ids=account or (),
            until_us=terms.until_us,
            not_before_us=terms.not_before_us,
        )

    return act_on_case(request, session, case_id, "proposed", deed)


@router.post("/cases/{case_id}/proposals/{proposal_id}/approve")
def approve(
    request: Request, session: PostedBy, case_id: str, proposal_id: str, evidence_hash: Text, code: Text = ""
) -> Response:
    """Lets a proposal take effect, for the evidence that this page showed."""
    runtime: Runtime = request.app.state.runtime
    return _with_fresh_factor(
        request,
        session,
        case_id,
        code,
        "approved",
        lambda by: proposals.approve(runtime.database, runtime.ledger, runtime.lake, by, proposal_id, evidence_hash),
    )


@router.post("/cases/{case_id}/proposals/{proposal_id}/release")
def release(
    request: Request, session: PostedBy, case_id: str, proposal_id: str, reason: Text = "", code: Text = ""
) -> Response:
    """Ends the embargo of an approved proposal now."""
    runtime: Runtime = request.app.state.runtime
    return _with_fresh_factor(
        request,
        session,
        case_id,
        code,
        "embargo-ended",
        lambda by: embargoes.release_now(runtime.database, runtime.ledger, runtime.lake, by, proposal_id, reason),
    )


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
        tell_gateways(runtime)
        tell_holders(runtime)

    return act_on_case(request, session, case_id, "reversed", deed)


def _with_fresh_factor(
    request: Request,
    session: Session,
    case_id: str,
    code: str,
    done: str,
    decide: Callable[[Principal], object],
) -> Response:
    """Decides as somebody who just proved who they are, then tells gateways and holders what is in force."""
    runtime: Runtime = request.app.state.runtime
    try:
        proved = stepped_up(request, session, code)
    except Forbidden as error:
        return show_case(request, session, case_id, NO_FILTERS, alert=error)

    def deed() -> None:
        decide(proved.session.principal)
        tell_gateways(runtime)
        tell_holders(runtime)

    return carrying(request, act_on_case(request, proved.session, case_id, done, deed), proved)


def _terms(kind: ActionKind, reason_code: str, until: str, embargo: str) -> Terms:
    return Terms(kind, reason_code, moment_of(until, "the end"), moment_of(embargo, "the embargo"))
