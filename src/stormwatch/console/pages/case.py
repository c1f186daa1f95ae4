"""The case page, and what reviewers do on it: note, answer, clear, close, reveal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.access.sessions import Session
from stormwatch.actions.reasons import load_reasons
from stormwatch.cases import review
from stormwatch.cases.reveal import MOST_EVENTS, Transcript, reveal
from stormwatch.cases.routing import load_queues
from stormwatch.console.case_view import CaseFilters, case_view
from stormwatch.console.entering import Proved, carrying, stepped_up
from stormwatch.console.people_names import names_of_people, reviewers
from stormwatch.console.pivot_view import pivot_of_link
from stormwatch.console.rendering import page, status_of
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.model.case import ActionKind
from stormwatch.model.errors import StormwatchError
from stormwatch.model.times import now_us
from stormwatch.runtime import Runtime

router = APIRouter()

Text = Annotated[str, Form()]
# The version of the case that the sender saw; a form that says none is not held against any.
Seen = Annotated[int | None, Form()]
NO_FILTERS: Final = CaseFilters()


@router.get("/cases/{case_id}")
def case_page(
    request: Request,
    session: SignedIn,
    case_id: str,
    account: str = "",
    accounts_after: str = "",
    links_after: str = "",
    done: str = "",
) -> Response:
    """One case; `done` names what was just recorded on it."""
    return show_case(request, session, case_id, CaseFilters(account, accounts_after, links_after), done=done)


@router.post("/cases/{case_id}/note")
def add_note(request: Request, session: PostedBy, case_id: str, text: Text = "") -> Response:
    """Adds a note."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "noted",
        lambda: review.note(runtime.database, runtime.ledger, session.principal, case_id, text),
        kept={"note-text": text},
    )


@router.post("/cases/{case_id}/answer")
def answer(
    request: Request, session: PostedBy, case_id: str, alternative: Text, text: Text = "", seen: Seen = None
) -> Response:
    """Records the answer to an innocent explanation."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "answered",
        lambda: review.answer_alternative(
            runtime.database, runtime.ledger, runtime.lake, session.principal, case_id, alternative, text, seen=seen
        ),
        kept={alternative: text},
    )


@router.post("/cases/{case_id}/clear")
def clear(request: Request, session: PostedBy, case_id: str, reason: Text = "", seen: Seen = None) -> Response:
    """Finds the accounts innocent."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "cleared",
        lambda: review.clear(
            runtime.database, runtime.ledger, runtime.lake, session.principal, case_id, reason, seen=seen
        ),
        kept={"clear-reason": reason},
    )


@router.post("/cases/{case_id}/close")
def close(request: Request, session: PostedBy, case_id: str, reason: Text = "", seen: Seen = None) -> Response:
    """Closes a case that was acted on or cleared."""
    runtime: Runtime = request.app.state.runtime
    return act_on_case(
        request,
        session,
        case_id,
        "closed",
        lambda: review.close(
            runtime.database, runtime.ledger, runtime.lake, session.principal, case_id, reason, seen=seen
        ),
        kept={"close-reason": reason},
    )


@router.post("/cases/{case_id}/reveal")
def open_texts(
    request: Request,
    session: PostedBy,
    case_id: str,
    event: Annotated[list[str] | None, Form()] = None,
    reason: Text = "",
    code: Text = "",
) -> Response:
    """Shows texts in the answer itself: they have no address that could be opened again without a reason."""
    runtime: Runtime = request.app.state.runtime
    proved = Proved(session)
    try:
        proved = stepped_up(request, session, code)
        transcript = reveal(
            runtime.database,
            runtime.ledger,
            runtime.lake,
            runtime.keyring,
            proved.session.principal,
            case_id,
            event or (),
            reason,
        )
    except StormwatchError as error:
        refused = show_case(request, proved.session, case_id, NO_FILTERS, alert=error, kept={"reveal-reason": reason})
        return carrying(request, refused, proved)
    answer = show_case(request, proved.session, case_id, NO_FILTERS, transcript=transcript)
    return carrying(request, answer, proved)


def act_on_case(
    request: Request,
    session: Session,
    case_id: str,
    done: str,
    deed: Callable[[], object],
    *,
    kept: Mapping[str, str] | None = None,
) -> Response:
    """Does it and leads back to the case; what cannot be done is explained on the case page, with its status.

    `kept` is what the person wrote, by field, so that a refused form comes back with it.
    """
    try:
        deed()
    except StormwatchError as error:
        return show_case(request, session, case_id, NO_FILTERS, alert=error, kept=kept)
    return RedirectResponse(f"{request.scope.get('root_path', '')}/cases/{case_id}?done={done}", 303)


def show_case(
    request: Request,
    session: Session,
    case_id: str,
    filters: CaseFilters,
    *,
    done: str = "",
    alert: StormwatchError | None = None,
    transcript: Transcript | None = None,
    kept: Mapping[str, str] | None = None,
) -> Response:
    """The page of a case, with an alert above it where something was refused."""
    runtime: Runtime = request.app.state.runtime
    view = case_view(runtime, session.principal, case_id, filters)
    values = {
        "view": view,
        "case": view.file.case,
        "file": view.file,
        "names": names_of_people(runtime),
        "reasons": load_reasons(),
        "kinds": tuple(ActionKind),
        "most_events": MOST_EVENTS,
        "pivot_of_link": pivot_of_link,
        "done": done,
        "alert": alert,
        "transcript": transcript,
        "now": now_us(),
        "kept": kept or {},
        "queues": load_queues(runtime.settings.case_queues),
        "reviewers": reviewers(runtime),
    }
    return page(request, session, "case.html", values, status=status_of(alert) if alert else 200)
