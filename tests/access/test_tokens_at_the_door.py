"""Every HTTP way for machines refuses a token without its scope, expired, revoked or of somebody disabled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from people_making import Team, make_team
from stormwatch.api import decision, events, otlp
from stormwatch.api.app import create_app
from stormwatch.model.principal import Role, Scope
from stormwatch.model.times import MINUTE, now_us
from stormwatch.runtime import Runtime

ROUTES = sorted(
    (method, route.path)
    for module in (decision, events, otlp)
    for route in module.router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
)


@pytest.fixture
def team(runtime: Runtime) -> Team:
    return make_team(runtime)


@pytest.fixture
def client(team: Team) -> Iterator[TestClient]:
    with TestClient(create_app(team.runtime)) as client:
        yield client


def asked(client: TestClient, method: str, path: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = b"" if method == "GET" else b"{}"
    return client.request(method, path, params={"account": "acct-1"}, content=body, headers=headers).status_code


def test_there_are_ways_to_try() -> None:
    assert len(ROUTES) >= 6


def test_no_token_that_lacks_the_scope_passes(client: TestClient, team: Team) -> None:
    chief = team.principal("chief")
    machines = {
        scope: team.runtime.access.machine_token(chief, scope, [scope]) for scope in (Scope.INGEST, Scope.DECIDE)
    }
    for method, path in ROUTES:
        statuses = {scope: asked(client, method, path, token) for scope, token in machines.items()}
        # To a gateway 403 means `suspended`, so the route for gateways answers 401.
        refusals = {scope for scope, status in statuses.items() if status in {401, 403}}
        assert len(refusals) == 1, (path, statuses)
        people = {asked(client, method, path, team.tokens[name]) for name in ("chief", "paul")}
        assert people <= {401, 403}, path


def test_no_token_that_ended_passes(client: TestClient, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    access, chief = team.runtime.access, team.principal("chief")
    both = [Scope.INGEST, Scope.DECIDE]
    revoked, brief = access.machine_token(chief, "a", both), access.machine_token(chief, "b", both, now_us() + MINUTE)
    access.revoke_token(chief, access.authenticate(revoked).token_id)
    person = access.add_person(chief, "gone", Role.ANALYST)[1]
    access.disable_person(chief, "gone")
    for method, path in ROUTES:
        for token in (revoked, person, brief[:-1], f"{brief}x", "nonsense", ""):
            assert asked(client, method, path, token) == 401, path
        assert asked(client, method, path, brief) not in {401, 403}
    late = now_us() + 2 * MINUTE
    monkeypatch.setattr("stormwatch.access.people.now_us", lambda: late)
    for method, path in ROUTES:
        assert asked(client, method, path, brief) == 401, path
