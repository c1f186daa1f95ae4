"""What every command starts from: the home that was named and the person who acts."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import typer

from stormwatch.model.errors import FactorNeeded, Forbidden
from stormwatch.model.principal import Principal
from stormwatch.runtime import Runtime, open_runtime

CODE_VARIABLE = "STORMWATCH_CODE"
TOKEN_VARIABLE = "STORMWATCH_TOKEN"  # noqa: S105 - the variable's name, not a token


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the command line."""

    home: Path


def session_of(ctx: typer.Context) -> Session:
    """The session that the main callback made."""
    return cast("Session", ctx.find_root().obj)


def runtime_of(ctx: typer.Context, *, create: bool = False) -> Runtime:
    """The opened home, closed again when the command ends."""
    runtime = open_runtime(session_of(ctx).home, create=create)
    ctx.call_on_close(runtime.close)
    return runtime


def person_of(runtime: Runtime, *, confirmed: bool = False) -> Principal:
    """Who acts: the holder of the personal token in STORMWATCH_TOKEN, or of the one typed at a prompt.

    For deeds that need a fresh second factor (`confirmed`) its code is taken from STORMWATCH_CODE or a prompt, where
    the person has one. Raises Forbidden when there is no token, none of a person, or the code is wrong.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token and sys.stdin.isatty():
        token = typer.prompt("Personal token", hide_input=True, err=True)
    if not token:
        raise Forbidden("this command acts in a person's name", remedy=f"put your personal token into {TOKEN_VARIABLE}")
    principal = runtime.access.authenticate(token.strip())
    if principal.person is None:
        raise Forbidden("a machine's token cannot act in a person's name", remedy="use a personal token")
    return _confirmed(runtime, principal) if confirmed and principal.owes_factor else principal


def _confirmed(runtime: Runtime, principal: Principal) -> Principal:
    code = os.environ.get(CODE_VARIABLE, "")
    if not code and sys.stdin.isatty():
        code = typer.prompt("Code of your second factor", err=True)
    if not code:
        raise FactorNeeded(
            "this needs a fresh code of your second factor", remedy=f"put the code that it shows into {CODE_VARIABLE}"
        )
    return runtime.sign_in.prove_for_command(principal, code.strip())
