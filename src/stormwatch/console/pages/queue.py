"""The queue: cases filtered, sorted and cut in the database, and queries that people keep under a name."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.access.sessions import Session
from stormwatch.cases.queue_query import (
    STATES,
    Order,
    QueueQuery,
    count_cases,
    example_key,
    key_of,
    leading_hypotheses,
    queue_rows,
    waiting_by_queue,
)
from stormwatch.cases.routing import load_queues
from stormwatch.cases.saved_queries import drop_query, save_query, saved_queries_of
from stormwatch.console.pages.case import Text
from stormwatch.console.paging import PAGE_ROWS, cut, decode_cursor
from stormwatch.console.people_names import names_of_people, reviewers
from stormwatch.console.rendering import page
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.model.times import now_us
from stormwatch.runtime import Runtime

router = APIRouter()


@router.get("/")
def queue_page(request: Request, session: SignedIn, after: str = "", done: str = "") -> Response:
    """Cases that wait for people, highest risk first unless asked otherwise; the whole query is in the address."""
    runtime: Runtime = request.app.state.runtime
    values = {
        **queue_values(request, session, after),
        "by_queue": waiting_by_queue(runtime.database),
        "leading": leading_hypotheses(runtime.database),
        "reviewers": reviewers(runtime),
        "saved": saved_queries_of(runtime.database, session.person.person_id),
        "states": tuple(STATES),
        "orders": tuple(Order),
        "done": done,
    }
    return page(request, session, "queue.html", values)


def queue_values(request: Request, session: Session, after: str) -> dict[str, object]:
    """What the lines of the queue show, for the page and for a page that lies open."""
    runtime: Runtime = request.app.state.runtime
    query, me, now = QueueQuery.of(dict(request.query_params)), session.person.person_id, now_us()
    cursor = decode_cursor(after, example_key(query.order)) if after else None
    place = None if cursor is None else (cursor[0], str(cursor[1]))
    rows = queue_rows(runtime.database, query, me, now, after=place, limit=PAGE_ROWS + 1)  # type: ignore[arg-type]
    return {
        "cases": cut(rows, lambda row: key_of(row, query.order)),
        "total": count_cases(runtime.database, query, me, now),
        "query": query,
        "filters": {**query.parameters, "after": after},
        "queues": load_queues(runtime.settings.case_queues),
        "names": names_of_people(runtime),
        "now": now,
    }


@router.post("/queries")
def keep_query(request: Request, session: PostedBy, name: Text = "", query: Text = "", shared: Text = "") -> Response:
    """Keeps the query of an address under a name."""
    runtime: Runtime = request.app.state.runtime
    asked = QueueQuery.of(dict(parse_qsl(query)))
    save_query(runtime.database, runtime.ledger, session.principal, name, asked, shared=bool(shared))
    return _back(request, asked, "saved")


@router.post("/queries/{query_id}/drop")
def forget_query(request: Request, session: PostedBy, query_id: str) -> Response:
    """Drops one of one's own."""
    runtime: Runtime = request.app.state.runtime
    drop_query(runtime.database, runtime.ledger, session.principal, query_id)
    return _back(request, QueueQuery(), "dropped")


def _back(request: Request, query: QueueQuery, done: str) -> Response:
    return RedirectResponse(
        f"{request.scope.get('root_path', '')}/?{urlencode({**query.parameters, 'done': done})}", 303
    )
