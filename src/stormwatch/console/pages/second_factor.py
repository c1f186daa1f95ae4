"""Setting up a second factor: a secret as QR code, its first code, recovery codes; and taking it away again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from stormwatch.access.second_factors import Enrolment
from stormwatch.access.sessions import Session
from stormwatch.console.entering import Proved, carrying, remember_browser, runtime_of, stepped_up
from stormwatch.console.pages.you import show_you
from stormwatch.console.qr_code import qr_code
from stormwatch.console.rendering import page, status_of
from stormwatch.console.security import PostedBy, sessions_of
from stormwatch.model.errors import InvalidInput, StormwatchError

router = APIRouter()

Text = Annotated[str, Form()]


@router.post("/you/second-factor")
def begin(request: Request, session: PostedBy) -> Response:
    """Shows a fresh secret, in the answer to a form: it has no address that could be opened again."""
    try:
        enrolment = runtime_of(request).second_factors.begin(session.principal)
    except StormwatchError as error:
        return show_you(request, session, alert=error)
    return _enrolment_page(request, session, enrolment)


@router.post("/you/second-factor/confirm")
def confirm(request: Request, session: PostedBy, code: Text) -> Response:
    """Makes the secret count for a right code; the session gets a new cookie, the person recovery codes."""
    runtime = runtime_of(request)
    try:
        with runtime.database.write() as connection:
            codes = runtime.second_factors.confirm(connection, session.principal, code)
            value = runtime.sessions.prove(connection, session.session_id)
    except StormwatchError as error:
        begun = runtime.second_factors.begun(session.principal)
        if begun is None or not isinstance(error, InvalidInput):
            return show_you(request, session, alert=error)
        return _enrolment_page(request, session, begun, error)
    runtime.sessions.end_others(session)
    found = sessions_of(request).find(value) or session
    answer = show_you(request, found, done="Your second factor counts from now on.", secrets_once=codes)
    remember_browser(request, answer, session.person.person_id)
    return carrying(request, answer, Proved(found, value))


@router.post("/you/second-factor/remove")
def remove(request: Request, session: PostedBy, code: Text = "") -> Response:
    """Takes the second factor away."""
    try:
        proved = stepped_up(request, session, code)
        runtime_of(request).second_factors.remove(proved.session.principal)
    except StormwatchError as error:
        return show_you(request, session, alert=error)
    return carrying(request, show_you(request, proved.session, done="Your second factor is removed."), proved)


@router.post("/you/recovery-codes")
def renew(request: Request, session: PostedBy, code: Text = "") -> Response:
    """Ten new recovery codes, shown this once."""
    try:
        proved = stepped_up(request, session, code)
        codes = runtime_of(request).second_factors.renew_recovery_codes(proved.session.principal)
    except StormwatchError as error:
        return show_you(request, session, alert=error)
    done = "These recovery codes count from now on, the old ones no more."
    return carrying(request, show_you(request, proved.session, done=done, secrets_once=codes), proved)


def _enrolment_page(
    request: Request, session: Session, enrolment: Enrolment, alert: StormwatchError | None = None
) -> Response:
    values = {"picture": qr_code(enrolment.uri), "secret": enrolment.secret, "alert": alert}
    return page(request, session, "second_factor.html", values, status=status_of(alert) if alert else 200)
