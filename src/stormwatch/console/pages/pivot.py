"""The pivot: from any identifier to the accounts and requests that share it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.console.pivot_view import KINDS, kind_of, pivot_view
from stormwatch.console.rendering import page
from stormwatch.console.security import SignedIn
from stormwatch.runtime import Runtime

router = APIRouter()


@router.get("/observable")
def pivot_page(request: Request, session: SignedIn, kind: str = "", value: str = "", after: str = "") -> Response:
    """Who shares an identifier; without a value, the form that asks for one."""
    runtime: Runtime = request.app.state.runtime
    known, wanted = kind_of(kind), value.strip()
    values = {
        "view": pivot_view(runtime, known, wanted, after) if wanted else None,
        "kinds": KINDS,
        "filters": {"kind": known, "value": wanted, "after": after},
    }
    return page(request, session, "pivot.html", values)
