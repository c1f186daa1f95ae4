"""Signing in with, and linking to, an OpenID provider: the way there, and what the browser brings back."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from stormwatch.access.identity_flows import IdentityFlows, Onward, Returned
from stormwatch.access.identity_provider import IdentityRefused
from stormwatch.access.sessions import Session
from stormwatch.console.cookies import Cookie, cookie, drop_cookie, keep_cookie, require_private_way
from stormwatch.console.entering import (
    carrying,
    entered,
    login_address,
    page_of_ours,
    root_of,
    runtime_of,
    stepped_up,
    visit_of,
)
from stormwatch.console.pages.session import login_form
from stormwatch.console.pages.you import show_you
from stormwatch.console.rendering import page
from stormwatch.console.security import PostedBy, sessions_of
from stormwatch.model.errors import Forbidden, NotFound, StormwatchError

router = APIRouter()

_log = structlog.get_logger(__name__)


@router.get("/login/provider")
def to_provider(request: Request, next: str = "") -> Response:  # noqa: A002 - the name that people know from URLs
    """Sends the browser to the provider."""
    require_private_way(request)
    try:
        return _onward(request, None, _flows(request).begin(page_of_ours(next)))
    except IdentityRefused as error:
        return _refused(request, error)


@router.get("/login/callback")
def from_provider(request: Request, state: str = "", code: str = "", iss: str = "") -> Response:
    """What the browser brought back becomes a session, or an identity of who asked to link one."""
    try:
        returned = _flows(request).finish(state, code, cookie(request, Cookie.FLOW), iss)
        return _sign_in(request, returned) if returned.session_id is None else _link(request, returned)
    except IdentityRefused as error:
        return _refused(request, error)
    except (Forbidden, NotFound) as error:
        return login_form(request, "", error)


@router.post("/you/identities")
def link(request: Request, session: PostedBy, code: Annotated[str, Form()] = "") -> Response:
    """Sends somebody who is signed in to the provider, to link who they are there."""
    try:
        proved = stepped_up(request, session, code)
        onward = _flows(request).begin("/you", proved.session.session_id)
    except StormwatchError as error:
        return show_you(request, session, alert=error)
    return carrying(request, _onward(request, proved.session, onward), proved)


@router.post("/you/identities/unlink")
def unlink(
    request: Request,
    session: PostedBy,
    issuer: Annotated[str, Form()],
    subject: Annotated[str, Form()],
    code: Annotated[str, Form()] = "",
) -> Response:
    """Takes an identity away."""
    try:
        proved = stepped_up(request, session, code)
        runtime_of(request).identities.unlink(proved.session.principal, issuer, subject)
    except StormwatchError as error:
        return show_you(request, session, alert=error)
    return carrying(request, show_you(request, proved.session, done="The identity is unlinked."), proved)


def _flows(request: Request) -> IdentityFlows:
    flows = runtime_of(request).identity_flows
    if flows is None:
        raise NotFound("no provider is set up here", remedy="sign in with a password")
    return flows


def _sign_in(request: Request, returned: Returned) -> Response:
    runtime = runtime_of(request)
    person = runtime.identities.person_for(returned.identity)
    opened = runtime.sign_in.by_provider(person, visit_of(request))
    answer = _go_on(request, None, login_address(request, opened, returned.back))
    drop_cookie(request, answer, Cookie.FLOW)
    return entered(request, answer, opened)


def _link(request: Request, returned: Returned) -> Response:
    session = sessions_of(request).by_id(str(returned.session_id))
    if session is None:
        raise IdentityRefused("session-ended", "your session ended meanwhile")
    runtime_of(request).identities.link(session.principal, returned.identity)
    answer = _go_on(request, None, root_of(request) + "/you")
    drop_cookie(request, answer, Cookie.FLOW)
    return answer


def _onward(request: Request, session: Session | None, onward: Onward) -> Response:
    answer = _go_on(request, session, onward.address)
    # Lax: the provider's answer comes from another site, and a strict cookie would stay behind.
    keep_cookie(request, answer, Cookie.FLOW, onward.browser, seconds=600, same_site="lax")
    return answer


def _go_on(request: Request, session: Session | None, address: str) -> Response:
    """A page that leads on by itself: after a redirect across sites a browser would keep the strict cookie back, and

    the policy lets no form be redirected to another host.
    """
    return page(request, session, "onward.html", {"address": address})


def _refused(request: Request, error: IdentityRefused) -> Response:
    _log.warning("provider_refused", reason=error.reason, address=visit_of(request).address)
    answer = login_form(request, "", error)
    drop_cookie(request, answer, Cookie.FLOW)
    return answer
