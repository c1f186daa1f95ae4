"""What a role allows: the check that every deed of a person goes through."""

from __future__ import annotations

from stormwatch.model.errors import Forbidden
from stormwatch.model.principal import Person, Principal, Role, Scope


def require(principal: Principal, *roles: Role) -> Person:
    """The person behind a principal who holds one of `roles` (any role when none is named); else Forbidden."""
    person = principal.person
    if person is None or Scope.PERSON not in principal.scopes:
        raise Forbidden(
            "a machine's token may not do this", where=principal.label, remedy="use the personal token of a person"
        )
    if not person.active:
        raise Forbidden("this person is disabled", where=person.name)
    if roles and person.role not in roles:
        wanted = " or ".join(role.value for role in roles)
        raise Forbidden(
            f"this needs the role {wanted}, and {person.name} is {person.role.value}",
            remedy=f"ask somebody whose role is {wanted}",
        )
    return person
