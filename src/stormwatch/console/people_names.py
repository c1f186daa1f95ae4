"""Turns the pseudonymous ids of people into names, for those who work in this installation."""

from __future__ import annotations

from collections.abc import Mapping

from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime


def names_of_people(runtime: Runtime) -> Mapping[str, str]:
    """Names by person id."""
    return {person.person_id: person.name for person in runtime.access.people()}


def reviewers(runtime: Runtime) -> Mapping[str, str]:
    """The same of those who review cases."""
    people = runtime.access.people()
    return {each.person_id: each.name for each in people if each.active and each.role in (Role.ANALYST, Role.APPROVER)}
