"""Turns the pseudonymous ids of people into names, for those who work in this installation."""

from __future__ import annotations

from collections.abc import Mapping

from stormwatch.runtime import Runtime


def names_of_people(runtime: Runtime) -> Mapping[str, str]:
    """Names by person id."""
    return {person.person_id: person.name for person in runtime.access.people()}
