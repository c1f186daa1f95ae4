"""`stormwatch decide`: the decision endpoint as a process of its own, which answers while the database is away."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stormwatch.api.decision_process.running import run_decision_process
from stormwatch.cli.context import session_of
from stormwatch.cli.listening import is_loopback, listen
from stormwatch.cli.logs import log_to_stderr
from stormwatch.cli.output import note
from stormwatch.config import load_settings


class WhenUnknown(StrEnum):
    """What is answered while there never was a list of decisions to go by."""

    OPEN = "open"
    CLOSED = "closed"


def decide(
    ctx: typer.Context,
    when_unknown: Annotated[
        WhenUnknown,
        typer.Option(
            "--when-unknown",
            help="Before the first list was ever read: open lets everybody in, closed gives no decision (503).",
        ),
    ],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8788,
    state: Annotated[
        Path | None, typer.Option("--state", help="Where the list is kept; default: decisions in the home.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Forget the kept list and read it from the database.")] = False,
) -> None:
    """Serve decisions alone, from a copy that outlives the database's absence."""
    home = session_of(ctx).home
    settings = load_settings(home)
    log_to_stderr()
    listening = listen(host, port)
    if not is_loopback(host):
        note(f"Listening beyond this machine on {host}: put TLS in front of it.")
    note(f"Decisions: http://{f'[{host}]' if ':' in host else host}:{port}/v1/decision  (stop with Ctrl+C)")
    run_decision_process(
        listening,
        database_url=settings.database,
        appeal_url=settings.appeal_url,
        folder=state or home / "decisions",
        open_when_unknown=when_unknown is WhenUnknown.OPEN,
        anew=anew,
    )
