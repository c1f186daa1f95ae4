"""The outbox page: orders that gateways have not confirmed, those given up among them, and having them tried again."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.access.permission import require
from stormwatch.access.sessions import Session
from stormwatch.actions.delivery import Effort
from stormwatch.actions.outbox import list_waiting, requeue, waiting_orders
from stormwatch.console.entering import root_of
from stormwatch.console.paging import PAGE_ROWS, cut, decode_cursor
from stormwatch.console.rendering import page, status_of
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.model.errors import StormwatchError
from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime

router = APIRouter()

# What a visitor waits for at most; the server carries the rest by itself.
SHORT_EFFORT_SECONDS: Final = 2.0


@router.get("/outbox")
def outbox_page(request: Request, session: SignedIn, after: str = "", done: str = "") -> Response:
    """What waits, the oldest first, after everything that was given up."""
    return _show(request, session, after, done, None)


@router.post("/outbox/requeue")
def requeue_orders(request: Request, session: PostedBy, order: Annotated[list[int] | None, Form()] = None) -> Response:
    """Has the marked orders tried again."""
    runtime: Runtime = request.app.state.runtime
    try:
        requeue(runtime.database, runtime.ledger, session.principal, order or ())
    except StormwatchError as error:
        return _show(request, session, "", "", error)
    tell_gateways(runtime)
    return RedirectResponse(f"{root_of(request)}/outbox?done=requeued", 303)


@router.post("/outbox/deliver")
def deliver_now(request: Request, session: PostedBy) -> Response:
    """Tries everything that waits at once."""
    runtime: Runtime = request.app.state.runtime
    require(session.principal, Role.ANALYST, Role.APPROVER)
    tell_gateways(runtime, all_waiting=True)
    return RedirectResponse(f"{root_of(request)}/outbox?done=tried", 303)


def tell_gateways(runtime: Runtime, *, all_waiting: bool = False) -> None:
    """A short round for somebody who waits for a page; what it leaves, the server's own rounds carry."""
    attempts = runtime.settings.delivery_attempts
    runtime.go_round(Effort(all_waiting, attempts, SHORT_EFFORT_SECONDS, SHORT_EFFORT_SECONDS))


def _show(request: Request, session: Session, after: str, done: str, alert: StormwatchError | None) -> Response:
    runtime: Runtime = request.app.state.runtime
    last = int(decode_cursor(after, (0,))[0]) if after else 0
    waiting = list_waiting(runtime.database, dead=False, after=last, limit=PAGE_ROWS + 1)
    values = {
        "dead": list_waiting(runtime.database, dead=True, limit=PAGE_ROWS),
        "waiting": cut(waiting, lambda order: (order.order_id,)),
        "total": waiting_orders(runtime.database),
        "filters": {"after": after},
        "done": done,
        "alert": alert,
    }
    return page(request, session, "outbox.html", values, status=status_of(alert) if alert else 200)
