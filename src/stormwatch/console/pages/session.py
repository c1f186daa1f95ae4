"""Signing in and out: a password or a personal token, then the second factor; and the cookie is taken back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.access.sessions import Session, same_secret
from stormwatch.console.cookies import Cookie, cookie, drop_cookie, keep_cookie, require_private_way
from stormwatch.console.entering import (
    next_step,
    page_of_ours,
    remember_browser,
    root_of,
    runtime_of,
    visit_of,
    visitor_page,
)
from stormwatch.console.rendering import page, status_of
from stormwatch.console.security import (
    NotSignedIn,
    PostedBy,
    require_visitor,
    same_origin,
    sessions_of,
)
from stormwatch.model.errors import Forbidden, StormwatchError

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/login")
def login_page(request: Request, next: str = "") -> Response:  # noqa: A002 - the name that people know from URLs
    """The forms that take a password or a personal token."""
    return login_form(request, next)


@router.post("/login/password")
def log_in_by_password(
    request: Request,
    name: Text,
    password: Text,
    csrf: Text = "",
    next: Text = "",  # noqa: A002
) -> Response:
    """Opens a session for a right pair; what is wrong with a wrong one is not told."""
    require_visitor(request, csrf)
    require_private_way(request)
    try:
        opened = runtime_of(request).sign_in.by_password(name, password, visit_of(request))
    except Forbidden as error:
        return login_form(request, next, error)
    return next_step(request, opened, next)


@router.post("/login")
def log_in(
    request: Request,
    token: Text,
    csrf: Text = "",
    next: Text = "",  # noqa: A002
) -> Response:
    """Opens a session for a good personal token; what is wrong with a bad one is not told."""
    require_visitor(request, csrf)
    require_private_way(request)
    runtime = runtime_of(request)
    try:
        if not runtime.settings.console_token_sign_in:
            raise Forbidden("personal tokens do not open this console", remedy="sign in with your password")
        opened = runtime.sign_in.by_token(token.strip(), visit_of(request))
    except Forbidden as error:
        return login_form(request, next, error)
    return next_step(request, opened, next)


@router.get("/login/code")
def code_page(request: Request, next: str = "") -> Response:  # noqa: A002
    """The form that takes the code of a second factor."""
    return _code_form(request, _awaiting(request), next)


@router.post("/login/code")
def give_code(
    request: Request,
    code: Text,
    csrf: Text = "",
    next: Text = "",  # noqa: A002
) -> Response:
    """Opens the session that waits for a second factor."""
    awaiting = _awaiting(request)
    same_origin(request)
    if not same_secret(awaiting.csrf, csrf):
        raise Forbidden("this form is not of your session", remedy="open the page again and send it from there")
    try:
        value = runtime_of(request).sign_in.give_factor(awaiting, code, visit_of(request))
    except Forbidden as error:
        return _code_form(request, awaiting, next, error)
    answer = RedirectResponse(root_of(request) + page_of_ours(next), 303)
    keep_cookie(request, answer, Cookie.SESSION, value)
    remember_browser(request, answer, awaiting.person.person_id)
    return answer


@router.post("/logout")
def log_out(request: Request, _session: PostedBy) -> Response:
    """Ends the session on the server and takes the cookie back."""
    sessions_of(request).close(cookie(request, Cookie.SESSION))
    answer = RedirectResponse(f"{root_of(request)}/login", 303)
    drop_cookie(request, answer, Cookie.SESSION)
    return answer


def login_form(request: Request, back: str, alert: StormwatchError | None = None) -> Response:
    """The sign-in page, with what was refused above it."""
    runtime = runtime_of(request)
    flows = runtime.identity_flows
    values = {
        "back": page_of_ours(back),
        "with_token": runtime.settings.console_token_sign_in,
        "provider_to_sign_in": flows.provider.name if flows else "",
    }
    return visitor_page(request, "login.html", values, alert)


def _awaiting(request: Request) -> Session:
    """The session that waits for its second factor; else back to the beginning."""
    value = cookie(request, Cookie.SESSION)
    found = sessions_of(request).find(value, awaiting=True) if value else None
    if found is None:
        raise NotSignedIn("")
    return found


def _code_form(request: Request, awaiting: Session, back: str, alert: StormwatchError | None = None) -> Response:
    values = {"csrf": awaiting.csrf, "back": page_of_ours(back), "alert": alert}
    return page(request, None, "code.html", values, status=status_of(alert) if alert else 200)
