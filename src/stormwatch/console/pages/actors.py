"""The tracked actors, what a name may mean, and the page of each actor."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.console.actor_names import actor_names
from stormwatch.console.actor_view import actor_lines, actor_view
from stormwatch.console.entering import root_of
from stormwatch.console.rendering import page
from stormwatch.console.security import SignedIn
from stormwatch.runtime import Runtime

router = APIRouter()


@router.get("/actors")
def actors_page(request: Request, session: SignedIn, q: str = "") -> Response:
    """All tracked actors, or those that words speak of."""
    runtime: Runtime = request.app.state.runtime
    values = {"actors": actor_lines(runtime, q), "q": q, "name": "", "meanings": (), "conflicts": ()}
    return page(request, session, "actors.html", values)


@router.get("/actors/named")
def named(request: Request, session: SignedIn, name: str = "") -> Response:
    """To the actor that a name means; where it may mean several, or none that is tracked, what it may mean."""
    runtime: Runtime = request.app.state.runtime
    names = actor_names(runtime)
    meant = names.tracked_actors(name)
    if len(meant) == 1:
        return RedirectResponse(f"{root_of(request)}/actors/{meant[0]}", 303)
    values = {
        "actors": actor_lines(runtime, ""),
        "q": "",
        "name": name,
        "meanings": names.resolve(name),
        "conflicts": names.conflicts_of(name),
    }
    return page(request, session, "actors.html", values)


@router.get("/actors/{actor_id}")
def actor_page(request: Request, session: SignedIn, actor_id: str, after: str = "") -> Response:
    """One actor: a profile with its sources, never a finding about anybody."""
    runtime: Runtime = request.app.state.runtime
    return page(request, session, "actor.html", {"view": actor_view(runtime, actor_id, after), "after": after})
