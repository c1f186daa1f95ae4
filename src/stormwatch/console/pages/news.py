"""What an open page asks by itself: whether its case changed, which lines of the queue did, and those lines."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from stormwatch.cases.queue_query import QueueQuery, count_changed
from stormwatch.cases.versions import last_change
from stormwatch.console.pages.queue import queue_values
from stormwatch.console.rendering import page
from stormwatch.console.security import Watching
from stormwatch.console.wording import moment
from stormwatch.model.times import now_us
from stormwatch.runtime import Runtime

router = APIRouter()


@router.get("/cases/{case_id}/news")
def case_news(request: Request, session: Watching, case_id: str) -> Response:
    """The version of a case, and in words who did what last."""
    del session
    runtime: Runtime = request.app.state.runtime
    change = last_change(runtime.database, case_id)
    words = f"This case was {change.how or 'changed'}" + (f" by {change.by}" if change.by else "")
    return JSONResponse({"version": change.version, "words": f"{words} at {moment(change.time_us)}."})


@router.get("/queue/news")
def queue_news(request: Request, session: Watching, since: int = 0) -> Response:
    """How many cases of a query changed after a time, and the time to ask about next."""
    runtime: Runtime = request.app.state.runtime
    query = QueueQuery.of(dict(request.query_params))
    me, now = session.person.person_id, now_us()
    return JSONResponse({"changed": count_changed(runtime.database, query, me, now, since_us=since), "now": now})


@router.get("/queue/rows")
def queue_rows(request: Request, session: Watching, after: str = "") -> Response:
    """The lines of a query as they are now, to be put in place of those that an open page shows."""
    values = queue_values(request, session, after)
    return page(request, session, "queue_rows.html", values)
