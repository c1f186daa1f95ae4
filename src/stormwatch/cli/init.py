"""`stormwatch init`: makes a home and prints the first administrator's token and one-time code once."""

from __future__ import annotations

import typer

from stormwatch.cli.context import session_of
from stormwatch.cli.output import JsonOption, emit
from stormwatch.cli.user import how_to_set_a_password
from stormwatch.runtime import create_home


def init(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Make a home: keys, database, first administrator."""
    runtime = create_home(session_of(ctx).home)
    ctx.call_on_close(runtime.close)
    first = runtime.access.first_administrator()
    invitation = None
    if first:
        invitation = runtime.passwords.invite(runtime.access.authenticate(first[1]), first[0].name)
    payload = {
        "home": str(runtime.settings.home),
        "key_file": str(runtime.settings.key_path),
        "administrator": first[0].name if first else None,
        "token": first[1] if first else None,
        "one_time_code": invitation.code if invitation else None,
    }
    prose = (
        f"Home: {runtime.settings.home}\nKey (back it up; without it texts stay closed): {runtime.settings.key_path}\n"
    )
    if first and invitation:
        prose += f"Administrator's token, shown this once: {first[1]}\n{how_to_set_a_password(runtime, invitation)}"
    else:
        prose += "It has an administrator already."
    emit(payload, prose, as_json=as_json)
