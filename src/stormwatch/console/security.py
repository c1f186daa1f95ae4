"""Puts the guards on every request: response headers, same-origin and CSRF checks on POST, the signed-in person."""

from __future__ import annotations

from typing import Annotated, Final, cast
from urllib.parse import quote, urlsplit

from fastapi import Depends, Form, HTTPException, Request
from fastapi.responses import PlainTextResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stormwatch.access.sessions import Session, Sessions, same_secret
from stormwatch.console.cookies import Cookie, cookie, is_secure
from stormwatch.model.errors import Forbidden, StormwatchError
from stormwatch.runtime import Runtime

LONGEST_FORM: Final = 1024 * 1024

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # `same-origin` rather than `no-referrer`: the latter makes browsers send `Origin: null` with forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class NotSignedIn(StormwatchError):
    """Nobody is signed in; `back` is the page of the console that was asked for."""

    def __init__(self, back: str) -> None:
        self.back = back
        super().__init__("nobody is signed in", remedy="sign in first")


class SecurityHeaders:
    """ASGI middleware: the policy on every response, and no copy of a page kept by browser or proxy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and adds the headers to what comes back."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers["Cache-Control"] = _keeping(scope, message["status"])
            await send(message)

        await self._app(scope, receive, guarded)


def _keeping(scope: Scope, status: int) -> str:
    """Pages are kept nowhere; style and script whose address names their version are kept until another is named."""
    if "/static/" not in scope["path"]:
        return "no-store"
    versioned = scope["query_string"].startswith(b"v=") and status < 400
    return "max-age=31536000, immutable" if versioned else "no-cache"


class SmallForms:
    """ASGI middleware: a form must say how long it is and stay short, before a byte of it is kept in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 413 (411 where no length is told)."""
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}:
            told = Headers(scope=scope).get("content-length", "")
            length = int(told) if told.isascii() and told.isdigit() else None
            if length is None or length > LONGEST_FORM:
                answer = PlainTextResponse("a form must tell its length and stay below 1 MiB\n", 413 if told else 411)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def sessions_of(request: Request) -> Sessions:
    """The session store of this console."""
    return cast("Runtime", request.app.state.runtime).sessions


def signed_in(request: Request) -> Session:
    """The session behind the request's cookie; NotSignedIn sends the visitor to the log-in page."""
    session = present_session(request)
    if session is None:
        raise NotSignedIn(back_address(request))
    return session


def present_session(request: Request) -> Session | None:
    """The session behind the request's cookie, None when nobody is signed in."""
    value = cookie(request, Cookie.SESSION)
    return sessions_of(request).find(value) if value else None


def watching(request: Request) -> Session:
    """The session behind what a page asks by itself, which keeps no session alive; 401 when nobody is signed in."""
    value = cookie(request, Cookie.SESSION)
    session = sessions_of(request).find(value, quiet=True) if value else None
    if session is None:
        raise HTTPException(401, "nobody is signed in")
    return session


def back_address(request: Request) -> str:
    """Where to return after signing in: the page asked for, or nothing when it was a form."""
    if request.method != "GET":
        return ""
    path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
    return quote(path + (f"?{request.url.query}" if request.url.query else ""), safe="")


def same_origin(request: Request) -> None:
    """Forbidden unless the browser says that the form was sent from this very host."""
    origin = urlsplit(request.headers.get("origin", ""))
    here = bool(origin.netloc) and origin.netloc == request.headers.get("host", "")
    if not here or (is_secure(request) and origin.scheme != "https"):
        raise Forbidden("this form was not sent from this console", remedy="open the page again and send it from there")


def form_of_session(request: Request, session: SignedIn, csrf: Annotated[str, Form()] = "") -> Session:
    """The session behind a POST, after its Origin and its CSRF token were found good."""
    same_origin(request)
    if not same_secret(session.csrf, csrf):
        raise Forbidden("this form is not of your session", remedy="open the page again and send it from there")
    return session


def require_visitor(request: Request, csrf: str) -> None:
    """Forbidden unless a form of somebody who is not signed in was made for this browser and sent from this host."""
    same_origin(request)
    visitor = cookie(request, Cookie.VISITOR)
    if not visitor or not same_secret(sessions_of(request).visitor_csrf(visitor), csrf):
        raise Forbidden("this form is too old", remedy="open the page again")


SignedIn = Annotated[Session, Depends(signed_in)]
Watching = Annotated[Session, Depends(watching)]
PostedBy = Annotated[Session, Depends(form_of_session)]
