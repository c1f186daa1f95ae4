"""The page where a one-time code becomes a password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from stormwatch.access.password_rules import LONGEST, SHORTEST
from stormwatch.console.cookies import require_private_way
from stormwatch.console.entering import runtime_of, visitor_page
from stormwatch.console.security import require_visitor
from stormwatch.model.errors import InvalidInput, StormwatchError

router = APIRouter()

Text = Annotated[str, Form()]


@router.get("/welcome")
def welcome_page(request: Request) -> Response:
    """The form. The code is typed, not part of an address: addresses end up in logs and histories."""
    return _form(request)


@router.post("/welcome")
def set_password(request: Request, invitation: Text, password: Text, again: Text, csrf: Text = "") -> Response:
    """Sets the password; then its owner signs in with it."""
    require_visitor(request, csrf)
    require_private_way(request)
    try:
        if password != again:
            raise InvalidInput("the two passwords differ", remedy="type both again")
        person = runtime_of(request).passwords.redeem(invitation, password)
    except StormwatchError as error:
        return _form(request, alert=error)
    return _form(request, done=person.name)


def _form(request: Request, *, done: str = "", alert: StormwatchError | None = None) -> Response:
    values = {"done": done, "shortest": SHORTEST, "longest": LONGEST}
    return visitor_page(request, "welcome.html", values, alert)
