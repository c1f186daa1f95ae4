"""The name of a person, as typed at a terminal, to the id that the stores keep."""

from __future__ import annotations

from stormwatch.model.errors import NotFound
from stormwatch.runtime import Runtime


def person_named(runtime: Runtime, name: str) -> str:
    """The person id of a name (an id is one already); NotFound when nobody is called so."""
    found = [each.person_id for each in runtime.access.people() if name in (each.name, each.person_id)]
    if not found:
        raise NotFound("nobody here has this name", where=name, remedy="see `stormwatch user list`")
    return found[0]
