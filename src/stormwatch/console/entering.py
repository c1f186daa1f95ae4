"""What every way in shares: where the visit comes from, the cookies of a session that opened, where to go then."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.access.sessions import Session, Visit
from stormwatch.access.sign_in import Opened
from stormwatch.console.cookies import Cookie, cookie, drop_cookie, keep_cookie
from stormwatch.console.rendering import page, status_of
from stormwatch.console.security import sessions_of
from stormwatch.model.errors import StormwatchError, TooManyAttempts
from stormwatch.model.times import SECOND
from stormwatch.runtime import Runtime

_BROWSER_SECONDS: Final = 180 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Proved:
    """A session, and the new cookie of it when a second factor was just given."""

    session: Session
    cookie: str = ""


def visit_of(request: Request) -> Visit:
    """Where a request comes from."""
    address = request.client.host if request.client else ""
    return Visit(address, request.headers.get("user-agent", ""), cookie(request, Cookie.BROWSER))


def runtime_of(request: Request) -> Runtime:
    """The installation behind this console."""
    return cast("Runtime", request.app.state.runtime)


def root_of(request: Request) -> str:
    """The path that the console is mounted at."""
    return str(request.scope.get("root_path", ""))


def page_of_ours(back: str) -> str:
    """Where to go after signing in: a path of the console, never another host."""
    ours = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if ours else "/"


def visitor_page(
    request: Request, template: str, values: Mapping[str, object], alert: StormwatchError | None = None
) -> Response:
    """A page with a form for somebody who is not signed in, tied to their browser by a fresh cookie."""
    visitor = secrets.token_urlsafe(32)
    status = status_of(alert) if alert else 200
    shown = {**values, "csrf": sessions_of(request).visitor_csrf(visitor), "alert": alert}
    answer = page(request, None, template, shown, status=status)
    if isinstance(alert, TooManyAttempts):
        answer.headers["Retry-After"] = str(-(-alert.wait_us // SECOND))
    keep_cookie(request, answer, Cookie.VISITOR, visitor)
    return answer


def entered(request: Request, answer: Response, opened: Opened) -> Response:
    """The answer with the cookies of a session that opened; the one that the browser had before is worth nothing."""
    before = cookie(request, Cookie.SESSION)
    if before:
        sessions_of(request).close(before)
    keep_cookie(request, answer, Cookie.SESSION, opened.cookie)
    drop_cookie(request, answer, Cookie.VISITOR)
    if not opened.awaits_factor:
        remember_browser(request, answer, opened.person.person_id)
    return answer


def remember_browser(request: Request, answer: Response, person_id: str) -> None:
    """Marks the browser as one that this person signed in from, so that guessing elsewhere does not shut it out."""
    browsers = runtime_of(request).sign_in.browsers
    mark = cookie(request, Cookie.BROWSER)
    if not browsers.knows(mark, person_id):
        mark = browsers.mark(person_id)
    keep_cookie(request, answer, Cookie.BROWSER, mark, seconds=_BROWSER_SECONDS)


def next_step(request: Request, opened: Opened, back: str) -> Response:
    """To the page that was asked for, or first to that of the second factor."""
    return entered(request, RedirectResponse(login_address(request, opened, back), 303), opened)


def login_address(request: Request, opened: Opened, back: str) -> str:
    """Where a session that just opened leads."""
    where = page_of_ours(back)
    if opened.awaits_factor:
        where = f"/login/code?next={quote(where, safe='')}"
    return root_of(request) + where


def stepped_up(request: Request, session: Session, code: str) -> Proved:
    """The session with a fresh second factor where a code was given and owed; Forbidden when it is wrong."""
    if not code or not session.principal.owes_factor:
        return Proved(session)
    value = runtime_of(request).sign_in.give_factor(session, code, visit_of(request))
    found = sessions_of(request).find(value)
    return Proved(found, value) if found else Proved(session)


def carrying(request: Request, answer: Response, proved: Proved) -> Response:
    """The answer with the new cookie of a session that stepped up."""
    if proved.cookie:
        keep_cookie(request, answer, Cookie.SESSION, proved.cookie)
    return answer
