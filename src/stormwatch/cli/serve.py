"""`stormwatch serve`: ingest, decisions and console over HTTP on one port, with hunts in the background."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from stormwatch.actions.delivery import deliver
from stormwatch.adapters.decision_endpoint import decision_endpoint
from stormwatch.api.app import create_app
from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import note
from stormwatch.console.app import mount
from stormwatch.hunt.background import Background, HuntWhenNews
from stormwatch.intel.indicators import version
from stormwatch.runtime import Runtime

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8787,
) -> None:
    """Serve ingest, decisions and console; hunt in the background."""
    serve_home(runtime_of(ctx), host, port)


def serve_home(runtime: Runtime, host: str, port: int) -> None:
    """Serves until interrupted."""
    app = create_app(runtime)
    mount(app, runtime)
    if host not in _LOOPBACK:
        note(f"Listening beyond this machine on {host}: put TLS in front of it.")
    background = _background(runtime)
    for work in background:
        work.start()
    note(f"Console: http://{f'[{host}]' if ':' in host else host}:{port}/  (stop with Ctrl+C)")
    try:
        uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)
    finally:
        for work in background:
            work.stop()


def _background(runtime: Runtime) -> tuple[Background, ...]:
    hunts = HuntWhenNews(runtime.hunt, waiting=runtime.events.has_pending, knowledge=lambda: version(runtime.database))
    gateway = decision_endpoint(runtime.database, runtime.settings)

    def redeliver() -> None:
        deliver(runtime.database, runtime.ledger, [gateway])

    interval = runtime.settings.hunt_interval_seconds
    return Background("hunts", hunts, interval), Background("deliveries", redeliver, interval)
