"""Appeals: those that wait, the most urgent first; one with what its holder wrote; the decision of a third person."""

from __future__ import annotations

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.access.sessions import Session
from stormwatch.actions.appeals.appeal_file import get_appeal, list_appeals, open_reasons, open_text
from stormwatch.actions.appeals.reviewing import LONGEST_TOLD, decide_appeal, may_review
from stormwatch.actions.delivery import deliver
from stormwatch.actions.execution import list_actions
from stormwatch.actions.reasons import reason_of
from stormwatch.adapters.decision_endpoint import decision_endpoint
from stormwatch.console.entering import carrying, root_of, runtime_of, stepped_up
from stormwatch.console.people_names import names_of_people
from stormwatch.console.rendering import page, status_of
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.model.errors import StormwatchError
from stormwatch.model.notice import Appeal, AppealDecision
from stormwatch.model.principal import Role
from stormwatch.model.times import now_us
from stormwatch.runtime import Runtime

router = APIRouter()

Text = Annotated[str, Form()]
_log = structlog.get_logger(__name__)
_DONE: Final = {
    "uphold": "The measure stands. The holder gets an answer.",
    "reverse": "The account is let in again at once. The holder gets an answer.",
}


@router.get("/appeals")
def appeals_page(
    request: Request,
    session: SignedIn,
    id: str = "",  # noqa: A002
    state: str = "waiting",
    done: str = "",
) -> Response:
    """The queue, and one appeal of it where its id is given; the words of holders are for approvers alone."""
    return _show(request, session, id, state, done=_DONE.get(done, ""))


@router.post("/appeals/decide")
def decide(
    request: Request,
    session: PostedBy,
    id: Text,  # noqa: A002
    decision: Annotated[AppealDecision, Form()],
    reason: Text = "",
    told: Text = "",
    code: Text = "",
) -> Response:
    """Decides an appeal; who had a part in the case is refused."""
    runtime = runtime_of(request)
    try:
        proved = stepped_up(request, session, code)
        decide_appeal(runtime.desk, proved.session.principal, id, decision, reason, told)
    except StormwatchError as error:
        return _show(request, session, id, "waiting", alert=error)
    _tell(runtime)
    return carrying(request, RedirectResponse(f"{root_of(request)}/appeals?done={decision.value}", 303), proved)


def _tell(runtime: Runtime) -> None:
    # The decision took effect with its transaction; what fails here is tried again.
    deliver(runtime.database, runtime.ledger, [decision_endpoint(runtime.database, runtime.settings)])
    tell_holders(runtime)


def tell_holders(runtime: Runtime) -> None:
    """Hands over the notices that are due; what fails is tried again by the server."""
    try:
        runtime.send_notices()
    except StormwatchError as error:
        _log.warning("notices_not_sent", error=str(error))


def _show(
    request: Request,
    session: Session,
    appeal_id: str,
    state: str,
    *,
    done: str = "",
    alert: StormwatchError | None = None,
) -> Response:
    runtime = runtime_of(request)
    values: dict[str, object] = {
        "appeals": list_appeals(runtime.database, waiting_only=state != "all"),
        "state": state,
        "now": now_us(),
        "names": names_of_people(runtime),
        "longest_told": LONGEST_TOLD,
        "done": done,
        "alert": alert,
        "appeal": None,
    }
    if appeal_id:
        values |= _opened(runtime, session, get_appeal(runtime.database, appeal_id))
    return page(request, session, "appeals.html", values, status=status_of(alert) if alert else 200)


def _opened(runtime: Runtime, session: Session, appeal: Appeal) -> dict[str, object]:
    reads = session.person.role is Role.APPROVER
    with runtime.database.read() as connection:
        text = open_text(connection, runtime.keyring, appeal.appeal_id) if reads else None
        reasons = open_reasons(connection, runtime.keyring, appeal.appeal_id) if reads else None
    (action,) = [
        each
        for each in list_actions(runtime.database, account_id=appeal.account_id)
        if each.action_id == appeal.action_id
    ]
    return {
        "appeal": appeal,
        "action": action,
        "given_reason": reason_of(action.reason_code),
        "text": text,
        "reasons": reasons,
        "may_review": reads and may_review(runtime.database, appeal, session.person.person_id),
    }
