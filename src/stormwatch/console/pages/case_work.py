"""What reviewers do around a case: hold it, its queue and due time, tasks, merge and split, and cases like it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.cases import joining, placing, review, tasks
from stormwatch.cases.queue import get_case
from stormwatch.cases.routing import load_queues, queue_named
from stormwatch.cases.tasks import TaskOutcome
from stormwatch.console.due_time import due_from_form
from stormwatch.console.pages.case import NO_FILTERS, Seen, Text, act_on_case, show_case
from stormwatch.console.rendering import page
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.console.similar_cases import similar_cases
from stormwatch.model.errors import StormwatchError
from stormwatch.runtime import Runtime

router = APIRouter()


@router.post("/cases/{case_id}/claim")
def claim(request: Request, session: PostedBy, case_id: str, seen: Seen = None, take_over: Text = "") -> Response:
    """Takes the case into review."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "claimed",
        lambda: review.claim(
            runtime.database, runtime.ledger, session.principal, case_id, take_over=bool(take_over), seen=seen
        ),
    )


@router.post("/cases/{case_id}/release")
def release(request: Request, session: PostedBy, case_id: str, reason: Text = "", seen: Seen = None) -> Response:
    """Gives the case back to its queue."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "released",
        lambda: review.release(runtime.database, runtime.ledger, session.principal, case_id, reason, seen=seen),
        kept={"release-reason": reason},
    )


@router.post("/cases/{case_id}/reopen")
def reopen(request: Request, session: PostedBy, case_id: str, reason: Text = "", seen: Seen = None) -> Response:
    """Opens a settled case again."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "reopened",
        lambda: review.reopen(runtime.database, runtime.ledger, session.principal, case_id, reason, seen=seen),
        kept={"reopen-reason": reason},
    )


@router.post("/cases/{case_id}/route")
def route(
    request: Request, session: PostedBy, case_id: str, queue: Text = "", reason: Text = "", seen: Seen = None
) -> Response:
    """Puts the case into another queue."""
    runtime: Runtime = request.app.state.runtime

    def deed() -> None:
        to = queue_named(load_queues(runtime.settings.case_queues), queue)
        placing.route(runtime.database, runtime.ledger, session.principal, case_id, to, reason, seen=seen)

    return act_on_case(request, session, case_id, "routed", deed, kept={"route-reason": reason})


@router.post("/cases/{case_id}/due")
def due(
    request: Request, session: PostedBy, case_id: str, until: Text = "", reason: Text = "", seen: Seen = None
) -> Response:
    """Sets when the case is due."""
    runtime: Runtime = request.app.state.runtime

    def deed() -> None:
        due_us = due_from_form(until)
        placing.set_due(runtime.database, runtime.ledger, session.principal, case_id, due_us, reason, seen=seen)

    return act_on_case(request, session, case_id, "due", deed, kept={"due-reason": reason})


@router.post("/cases/{case_id}/tasks")
def add_task(
    request: Request, session: PostedBy, case_id: str, title: Text = "", assignee: Text = "", until: Text = ""
) -> Response:
    """Adds a task."""
    runtime: Runtime = request.app.state.runtime

    def deed() -> None:
        tasks.add_task(
            runtime.database,
            runtime.ledger,
            session.principal,
            case_id,
            title,
            assignee=assignee or None,
            due_us=due_from_form(until) if until else None,
        )

    return act_on_case(request, session, case_id, "task-added", deed, kept={"task-title": title})


@router.post("/cases/{case_id}/tasks/{task_id}")
def end_task(
    request: Request,
    session: PostedBy,
    case_id: str,
    task_id: str,
    outcome: Annotated[TaskOutcome, Form()],
    remark: Text = "",
) -> Response:
    """Says what came of a task."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "task-ended",
        lambda: tasks.end_task(runtime.database, runtime.ledger, session.principal, task_id, outcome, remark),
        kept={task_id: remark},
    )


@router.get("/cases/{case_id}/similar")
def similar(request: Request, session: SignedIn, case_id: str) -> Response:
    """Cases whose accounts show the same rare things, each to be merged from here."""
    runtime: Runtime = request.app.state.runtime
    values = {"case": get_case(runtime.database, case_id), "found": similar_cases(runtime, case_id)}
    return page(request, session, "similar.html", values)


@router.post("/cases/{case_id}/merge")
def merge(
    request: Request, session: PostedBy, case_id: str, into: Text = "", reason: Text = "", seen: Seen = None
) -> Response:
    """Merges the case into another, which is shown then."""
    runtime: Runtime = request.app.state.runtime
    try:
        kept = joining.merge(
            runtime.database, runtime.ledger, session.principal, case_id, into.strip(), reason, seen=seen
        )
    except StormwatchError as error:
        wrote = {"merge-into": into, "merge-reason": reason}
        return show_case(request, session, case_id, NO_FILTERS, alert=error, kept=wrote)
    return RedirectResponse(f"{request.scope.get('root_path', '')}/cases/{kept.case_id}?done=merged", 303)


@router.post("/cases/{case_id}/split")
def split(
    request: Request,
    session: PostedBy,
    case_id: str,
    account: Annotated[list[str] | None, Form()] = None,
    reason: Text = "",
    seen: Seen = None,
) -> Response:
    """Takes accounts into a case of their own, which is shown then."""
    runtime: Runtime = request.app.state.runtime
    try:
        new = joining.split(
            runtime.database, runtime.ledger, session.principal, case_id, account or (), reason, seen=seen
        )
    except StormwatchError as error:
        return show_case(request, session, case_id, NO_FILTERS, alert=error, kept={"split-reason": reason})
    return RedirectResponse(f"{request.scope.get('root_path', '')}/cases/{new.case_id}?done=split", 303)
