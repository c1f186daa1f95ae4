"""`stormwatch user`: adds people, changes their role, ends their access and lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from stormwatch.access.invitations import Invitation
from stormwatch.access.records import RoleChange
from stormwatch.access.same_people import state_same_person
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.model.principal import Person, Role
from stormwatch.model.times import format_rfc3339
from stormwatch.runtime import Runtime

user = typer.Typer(help="People and their roles.", no_args_is_help=True, rich_markup_mode=None)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]
RoleOption = Annotated[Role, typer.Option("--role", help="What the person is for; everybody has one role.")]


@user.command("add")
def add(ctx: typer.Context, name: NameArgument, role: RoleOption, as_json: JsonOption = False) -> None:
    """Add a person; print their personal token and the code for a password, once. Needs an administrator's token."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    person, token = runtime.access.add_person(by, name, role)
    invitation = runtime.passwords.invite(by, name)
    prose = (
        f"{person.name} is {person.role.value} ({person.person_id}).\nPersonal token, shown this once: {token}\n"
        f"{how_to_set_a_password(runtime, invitation)}"
    )
    emit({**_payload(person), "token": token, **_invitation_payload(invitation)}, prose, as_json=as_json)


@user.command("role")
def change_role(ctx: typer.Context, name: NameArgument, role: RoleOption, as_json: JsonOption = False) -> None:
    """Give a person another role. Needs an administrator's token; goes on the ledger."""
    runtime = runtime_of(ctx)
    person = runtime.access.change_role(person_of(runtime), name, role)
    emit(_payload(person), f"{person.name} is {person.role.value} from now on.", as_json=as_json)


@user.command("same")
def state_same(
    ctx: typer.Context,
    name: NameArgument,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The other name of the same human being.")],
    as_json: JsonOption = False,
) -> None:
    """State that two accounts are one human being's, so that neither approves what the other proposed; for good."""
    runtime = runtime_of(ctx)
    people = state_same_person(runtime.database, runtime.ledger, person_of(runtime), name, other)
    payload = {"people": [_payload(person) for person in people]}
    emit(payload, f"{people[0].name} and {people[1].name} count as one from now on.", as_json=as_json)


@user.command("disable")
def disable(ctx: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """End a person's access and revoke their tokens. Needs an administrator's token."""
    runtime = runtime_of(ctx)
    person = runtime.access.disable_person(person_of(runtime), name)
    emit(_payload(person), f"{person.name} is disabled, and all tokens of theirs are revoked.", as_json=as_json)


@user.command("reset-password")
def reset_password(ctx: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Print a one-time code for a new password: one's own, or as an administrator somebody's, who loses the rest."""
    runtime = runtime_of(ctx)
    invitation = runtime.passwords.invite(person_of(runtime), name)
    emit({"name": name, **_invitation_payload(invitation)}, how_to_set_a_password(runtime, invitation), as_json=as_json)


@user.command("reset-second-factor")
def reset_second_factor(ctx: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Take a person's lost second factor away. Needs an administrator's token; goes on the ledger."""
    runtime = runtime_of(ctx)
    person = runtime.second_factors.reset(person_of(runtime), name)
    emit(_payload(person), f"{person.name} has no second factor any more and is signed out.", as_json=as_json)


@user.command("list")
def show(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List everybody with role and pseudonym."""
    runtime = runtime_of(ctx)
    access, holders = runtime.access, runtime.second_factors.holders()
    people, changes = access.people(), access.role_changes()
    lines = [
        f"{person.name}  {person.role.value}  {person.person_id}"
        f"{'  second factor' if person.person_id in holders else ''}{'' if person.active else '  disabled'}"
        for person in people
    ]
    payload = {
        "people": [
            {
                **_payload(person),
                "second_factor": person.person_id in holders,
                "roles_held": _roles_held(person, changes),
            }
            for person in people
        ]
    }
    emit(payload, lines_of(lines) or "Nobody yet.", as_json=as_json)


def how_to_set_a_password(runtime: Runtime, invitation: Invitation) -> str:
    """What to tell the person that a one-time code is for."""
    return (
        f"One-time code, shown this once, until {format_rfc3339(invitation.expires_us)}: {invitation.code}\n"
        f"It sets a password at {runtime.settings.console_address}/welcome"
    )


def _invitation_payload(invitation: Invitation) -> dict[str, str]:
    return {"one_time_code": invitation.code, "code_expires_time": format_rfc3339(invitation.expires_us)}


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
