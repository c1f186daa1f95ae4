"""Logging in and out: a personal token becomes a session cookie, and the cookie is taken back."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.console.rendering import page
from stormwatch.console.security import SESSION_COOKIE, VISITOR_COOKIE, PostedBy, same_origin, sessions_of
from stormwatch.model.errors import Forbidden

router = APIRouter()


@router.get("/login")
def login_page(request: Request, next: str = "") -> Response:  # noqa: A002 - the name that people know from URLs
    """The form that takes a personal token."""
    return _login_form(request, next, refused=False)


@router.post("/login")
def log_in(
    request: Request,
    token: Annotated[str, Form()],
    csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",  # noqa: A002
) -> Response:
    """Opens a session for a good token; what is wrong with a bad one is not told."""
    same_origin(request)
    visitor = request.cookies.get(VISITOR_COOKIE, "")
    if not visitor or not sessions_of(request).csrf_matches(visitor, csrf):
        raise Forbidden("this form is too old", remedy="open the log-in page again")
    try:
        cookie = sessions_of(request).open(token.strip())
    except Forbidden:
        return _login_form(request, next, refused=True)
    root = _root(request)
    answer = RedirectResponse(root + _page_of_ours(next), 303)
    _set_cookie(request, answer, SESSION_COOKIE, cookie)
    answer.delete_cookie(VISITOR_COOKIE, path=root or "/")
    return answer


@router.post("/logout")
def log_out(request: Request, _session: PostedBy) -> Response:
    """Ends the session on the server and takes the cookie back."""
    sessions_of(request).close(request.cookies[SESSION_COOKIE])
    answer = RedirectResponse(f"{_root(request)}/login", 303)
    answer.delete_cookie(SESSION_COOKIE, path=_root(request) or "/")
    return answer


def _login_form(request: Request, back: str, *, refused: bool) -> Response:
    visitor = secrets.token_urlsafe(32)
    values = {"csrf": sessions_of(request).csrf(visitor), "refused": refused, "back": _page_of_ours(back)}
    answer = page(request, None, "login.html", values, status=403 if refused else 200)
    _set_cookie(request, answer, VISITOR_COOKIE, visitor)
    return answer


def _page_of_ours(back: str) -> str:
    """Where to go after logging in: a path of the console, never another host."""
    ours = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if ours else "/"


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _set_cookie(request: Request, answer: Response, name: str, value: str) -> None:
    answer.set_cookie(
        name,
        value,
        path=_root(request) or "/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
