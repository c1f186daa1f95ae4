"""The account page: everything known of one account and why it is, or is not, a case; and the accounts by risk."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.actions.decisions import decide
from stormwatch.console.account_list import riskiest
from stormwatch.console.account_view import account_requests, account_view
from stormwatch.console.pivot_view import pivot_of_link
from stormwatch.console.rendering import page
from stormwatch.console.security import SignedIn
from stormwatch.console.wording import SIMULATED
from stormwatch.runtime import Runtime

router = APIRouter()

_TEMPLATE: Final = "account.html"


@router.get("/account")
def account_page(request: Request, session: SignedIn, id: str = "", after: str = "") -> Response:  # noqa: A002
    """One account when its id is given, else all accounts in order of risk."""
    runtime: Runtime = request.app.state.runtime
    if not id:
        overview = {"view": None, "accounts": riskiest(runtime, after), "after": after}
        return page(request, session, _TEMPLATE, overview)
    view = account_view(runtime, id)
    values = {
        "view": view,
        "after": after,
        "events": account_requests(runtime, id, after),
        "decision": decide(runtime.database, id),
        "calibrated_on": view.finding.calibrated_on if view.finding else SIMULATED,
        "pivot_of_link": pivot_of_link,
    }
    return page(request, session, _TEMPLATE, values)
