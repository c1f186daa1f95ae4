"""The plan of a case: banning as found beside banning all at once, and the clocks of what is approved already."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.actions.planner import plan
from stormwatch.cases.queue import get_case
from stormwatch.console.form_times import moment_of
from stormwatch.console.rendering import page
from stormwatch.console.security import SignedIn
from stormwatch.runtime import Runtime

router = APIRouter()


@router.get("/cases/{case_id}/plan")
def plan_page(request: Request, session: SignedIn, case_id: str, embargo: str = "") -> Response:
    """Both ways beside each other, for an embargo until the time asked for or a week from now."""
    runtime: Runtime = request.app.state.runtime
    found = plan(runtime.database, runtime.lake, case_id, until_us=moment_of(embargo, "the embargo"))
    values = {"case": get_case(runtime.database, case_id), "plan": found, "embargo": embargo}
    return page(request, session, "plan.html", values)
