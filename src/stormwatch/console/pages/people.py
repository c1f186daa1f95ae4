"""The people page: who may act here, in which role; for auditors and administrators also the tokens, never a secret."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.console.paging import page_of
from stormwatch.console.rendering import page
from stormwatch.console.security import SignedIn
from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime

router = APIRouter()

_TOKEN_READERS: Final = (Role.AUDITOR, Role.ADMINISTRATOR)


@router.get("/people")
def people_page(
    request: Request, session: SignedIn, role: str = "", after: str = "", tokens_after: str = ""
) -> Response:
    """People by name, and tokens from the oldest."""
    runtime: Runtime = request.app.state.runtime
    found = [person for person in runtime.access.people() if role in ("", person.role)]
    tokens = runtime.access.tokens() if session.person.role in _TOKEN_READERS else ()
    values = {
        "people": page_of(found, lambda one: (one.name.casefold(), one.person_id), after=after, example=("", "")),
        "tokens": page_of(tokens, lambda one: (one.created_us, one.token_id), after=tokens_after, example=(0, "")),
        "roles": tuple(Role),
        "factors": runtime.second_factors.holders() if session.person.role in _TOKEN_READERS else None,
        "filters": {"role": role, "after": after},
    }
    return page(request, session, "people.html", values)
