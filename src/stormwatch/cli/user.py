"""`stormwatch user`: adds people, changes their role, ends their access and lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from stormwatch.access.records import RoleChange
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.model.principal import Person, Role
from stormwatch.model.times import format_rfc3339

user = typer.Typer(help="People and their roles.", no_args_is_help=True, rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]
RoleOption = Annotated[Role, typer.Option("--role", help="What the person is for; everybody has one role.")]


@user.command("add")
def add(ctx: typer.Context, name: NameArgument, role: RoleOption, as_json: JsonOption = False) -> None:
    """Add a person and print their personal token, this once. Needs an administrator's token."""
    runtime = runtime_of(ctx)
    person, token = runtime.access.add_person(person_of(runtime), name, role)
    prose = f"{person.name} is {person.role.value} ({person.person_id}).\nPersonal token, shown this once: {token}"
    emit({**_payload(person), "token": token}, prose, as_json=as_json)


@user.command("role")
def change_role(ctx: typer.Context, name: NameArgument, role: RoleOption, as_json: JsonOption = False) -> None:
    """Give a person another role. Needs an administrator's token; goes on the ledger."""
    runtime = runtime_of(ctx)
    person = runtime.access.change_role(person_of(runtime), name, role)
    emit(_payload(person), f"{person.name} is {person.role.value} from now on.", as_json=as_json)


@user.command("disable")
def disable(ctx: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """End a person's access and revoke their tokens. Needs an administrator's token."""
    runtime = runtime_of(ctx)
    person = runtime.access.disable_person(person_of(runtime), name)
    emit(_payload(person), f"{person.name} is disabled, and all tokens of theirs are revoked.", as_json=as_json)


@user.command("list")
def show(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List everybody with role and pseudonym."""
    access = runtime_of(ctx).access
    people, changes = access.people(), access.role_changes()
    lines = [
        f"{person.name}  {person.role.value}  {person.person_id}{'' if person.active else '  disabled'}"
        for person in people
    ]
    payload = {"people": [{**_payload(person), "roles_held": _roles_held(person, changes)} for person in people]}
    emit(payload, lines_of(lines) or "Nobody yet.", as_json=as_json)


def _roles_held(person: Person, changes: Sequence[RoleChange]) -> list[dict[str, str]]:
    return [
        {"role": change.role.value, "since": format_rfc3339(change.time_us), "given_by": change.changed_by}
        for change in changes
        if change.person_id == person.person_id
    ]


def _payload(person: Person) -> dict[str, object]:
    return {
        "person_id": person.person_id,
        "name": person.name,
        "role": person.role.value,
        "active": person.active,
    }
