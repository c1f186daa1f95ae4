"""The lineage page of a case: one program put back in order over the accounts that had it, its texts closed."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.cases.reveal import MOST_EVENTS
from stormwatch.console.lineage_view import lineage_view
from stormwatch.console.rendering import page
from stormwatch.console.security import SignedIn
from stormwatch.runtime import Runtime

router = APIRouter()


@router.get("/cases/{case_id}/lineage")
def lineage_page(request: Request, session: SignedIn, case_id: str) -> Response:
    """Programs and documents that went through the accounts of a case."""
    runtime: Runtime = request.app.state.runtime
    values = {"view": lineage_view(runtime, case_id), "most_events": MOST_EVENTS}
    return page(request, session, "lineage.html", values)
