"""The people of the demo, each with a role and a token of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stormwatch.model.errors import Conflict
from stormwatch.model.principal import Principal, Role, Scope
from stormwatch.runtime import Runtime

_PEOPLE: Final = (
    ("anna", Role.ANALYST),
    ("amir", Role.APPROVER),
    ("rosa", Role.REPORTER),
    ("uwe", Role.AUDITOR),
)


@dataclass(frozen=True, slots=True)
class People:
    """Who acts in the story, and the tokens with which they can log in afterwards."""

    analyst: Principal
    approver: Principal
    reporter: Principal
    gateway_token: str
    tokens: Mapping[str, str]


def hire(runtime: Runtime) -> People:
    """An administrator, an analyst, an approver, a reporter, an auditor, and the token of a gateway."""
    first = runtime.access.first_administrator()
    if first is None:
        raise Conflict("somebody was here before", where=str(runtime.settings.home), remedy="start the demo anew")
    administrator, token = first
    chief = runtime.access.authenticate(token)
    tokens = {administrator.name: token}
    for name, role in _PEOPLE:
        _, tokens[name] = runtime.access.add_person(chief, name, role)
    gateway = runtime.access.machine_token(chief, "gateway", [Scope.DECIDE])
    return People(
        analyst=runtime.access.authenticate(tokens["anna"]),
        approver=runtime.access.authenticate(tokens["amir"]),
        reporter=runtime.access.authenticate(tokens["rosa"]),
        gateway_token=gateway,
        tokens=tokens,
    )
