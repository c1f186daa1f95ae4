"""`stormwatch init`: makes a home and prints the first administrator's token once."""

from __future__ import annotations

import typer

from stormwatch.cli.context import session_of
from stormwatch.cli.output import JsonOption, emit
from stormwatch.runtime import create_home


def init(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Make a home: keys, database, first administrator."""
    runtime = create_home(session_of(ctx).home)
    ctx.call_on_close(runtime.close)
    first = runtime.access.first_administrator()
    payload = {
        "home": str(runtime.settings.home),
        "key_file": str(runtime.settings.key_path),
        "administrator": first[0].name if first else None,
        "token": first[1] if first else None,
    }
    prose = (
        f"Home: {runtime.settings.home}\nKey (back it up; without it texts stay closed): {runtime.settings.key_path}\n"
    )
    prose += f"Administrator's token, shown this once: {first[1]}" if first else "It has an administrator already."
    emit(payload, prose, as_json=as_json)
