"""What request handlers ask for: the open installation, and the principal behind the request's token."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from fastapi import HTTPException, Request

from stormwatch.model.errors import Forbidden
from stormwatch.model.principal import Principal, Scope
from stormwatch.runtime import Runtime


def runtime(request: Request) -> Runtime:
    """The installation that this server runs."""
    return cast("Runtime", request.app.state.runtime)


def bearer_token(request: Request) -> str:
    """The token of the Authorization header; 401 when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise HTTPException(401, "send a token as `Authorization: Bearer …`", {"WWW-Authenticate": "Bearer"})
    return token.strip()


def principal(scope: Scope) -> Callable[[Request], Principal]:
    """A dependency that admits tokens with a scope: 401 for an unknown token, 403 for one without the scope."""

    def admit(request: Request) -> Principal:
        try:
            found = runtime(request).access.authenticate(bearer_token(request))
        except Forbidden as error:
            raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from error
        if scope not in found.scopes:
            raise HTTPException(403, f"this token lacks the scope {scope}")
        return found

    return admit
