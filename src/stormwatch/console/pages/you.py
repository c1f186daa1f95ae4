"""One's own page: password, second factor, sessions, personal tokens and identities at the provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.access.password_rules import LONGEST, SHORTEST
from stormwatch.access.sessions import Session
from stormwatch.console.entering import Proved, carrying, root_of, runtime_of, stepped_up
from stormwatch.console.rendering import page, status_of
from stormwatch.console.security import PostedBy, SignedIn, sessions_of
from stormwatch.model.errors import InvalidInput, StormwatchError
from stormwatch.model.principal import Scope
from stormwatch.model.times import DAY, now_us

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/you")
def you_page(request: Request, session: SignedIn) -> Response:
    """What one has here."""
    return show_you(request, session)


@router.post("/you/password")
def change_password(
    request: Request, session: PostedBy, password: Text, again: Text, old: Text = "", code: Text = ""
) -> Response:
    """Sets one's password and ends all other sessions."""

    def deed(proved: Session) -> str:
        if password != again:
            raise InvalidInput("the two passwords differ", remedy="type both again")
        runtime_of(request).passwords.change(proved, old, password)
        return "Your password is set, and your other sessions have ended."

    return _on_oneself(request, session, code, deed)


@router.post("/you/sessions/{session_id}/end")
def end_session(request: Request, session: PostedBy, session_id: str) -> Response:
    """Ends one of one's sessions."""
    if session_id == session.session_id:
        sessions_of(request).end(session, session_id)
        return RedirectResponse(f"{root_of(request)}/login", 303)

    def deed(proved: Session) -> str:
        sessions_of(request).end(proved, session_id)
        return "That session has ended."

    return _on_oneself(request, session, "", deed)


@router.post("/you/sessions/end-others")
def end_other_sessions(request: Request, session: PostedBy) -> Response:
    """Signs one out everywhere else."""

    def deed(proved: Session) -> str:
        sessions_of(request).end_others(proved)
        return "You are signed out everywhere else."

    return _on_oneself(request, session, "", deed)


@router.post("/you/tokens")
def make_token(
    request: Request,
    session: PostedBy,
    label: Text = "",
    days: Annotated[int, Form(ge=1, le=3650)] = 90,
    code: Text = "",
) -> Response:
    """Makes a personal token and shows it, this once."""
    try:
        proved = stepped_up(request, session, code)
        text = runtime_of(request).access.create_token(
            proved.session.principal, proved.session.person.name, {Scope.PERSON}, now_us() + days * DAY, label[:100]
        )
    except StormwatchError as error:
        return show_you(request, session, alert=error)
    return carrying(request, show_you(request, proved.session, secrets_once=(text,)), proved)


@router.post("/you/tokens/{token_id}/revoke")
def revoke_token(request: Request, session: PostedBy, token_id: str) -> Response:
    """Revokes one of one's tokens."""

    def deed(proved: Session) -> str:
        runtime_of(request).access.revoke_token(proved.principal, token_id)
        return "The token is revoked."

    return _on_oneself(request, session, "", deed)


def show_you(
    request: Request,
    session: Session,
    *,
    done: str = "",
    alert: StormwatchError | None = None,
    secrets_once: tuple[str, ...] = (),
) -> Response:
    """The page, with what was done or refused above it, and secrets that are shown this one time."""
    runtime, person = runtime_of(request), session.person
    tokens = [one for one in runtime.access.tokens() if one.person and one.person.person_id == person.person_id]
    flows = runtime.identity_flows
    values = {
        "done": done,
        "alert": alert,
        "secrets_once": secrets_once,
        "has_password": runtime.passwords.has_password(person.person_id),
        "shortest": SHORTEST,
        "longest": LONGEST,
        "has_factor": runtime.second_factors.enrolled(person.person_id),
        "recovery_codes_left": runtime.second_factors.recovery_codes_left(person.person_id),
        "sessions": runtime.sessions.of(person),
        "tokens": [(one, one.state(now_us())) for one in tokens],
        "identities": runtime.identities.of(person),
        "provider_to_link": flows.provider.name if flows else "",
    }
    return page(request, session, "you.html", values, status=status_of(alert) if alert else 200)


def _on_oneself(request: Request, session: Session, code: str, deed: Callable[[Session], str]) -> Response:
    """Does it with a fresh second factor where one was given; what is refused is explained on the page."""
    proved = Proved(session)
    try:
        proved = stepped_up(request, session, code)
        done = deed(proved.session)
    except StormwatchError as error:
        return carrying(request, show_you(request, proved.session, alert=error), proved)
    return carrying(request, show_you(request, proved.session, done=done), proved)
