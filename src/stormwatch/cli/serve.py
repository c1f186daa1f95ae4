"""`stormwatch serve`: ingest, decisions and console over HTTP on one port, with hunts in the background."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvicorn

from stormwatch.actions.delivery import Effort
from stormwatch.actions.upkeep import Upkeep
from stormwatch.adapters.alert_webhook import alert_webhooks
from stormwatch.adapters.notice_webhook import notice_carrier
from stormwatch.api.app import create_app
from stormwatch.cli.context import runtime_of
from stormwatch.cli.hunt_apart import HuntApart
from stormwatch.cli.listening import is_loopback, listen
from stormwatch.cli.logs import log_to_stderr
from stormwatch.cli.output import note
from stormwatch.console.app import mount
from stormwatch.hunt.background import Background, HuntWhenNews
from stormwatch.hunt.stream_path import StreamPath
from stormwatch.intel.indicators import version
from stormwatch.ledger.witness import witness_growth
from stormwatch.runtime import Runtime

_log = structlog.get_logger(__name__)
_WITNESS_SECONDS = 3600.0


def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8787,
) -> None:
    """Serve ingest, decisions and console; hunt in the background."""
    serve_home(runtime_of(ctx), host, port)


def serve_home(runtime: Runtime, host: str, port: int) -> None:
    """Serves until interrupted; InvalidInput when the address cannot be listened on."""
    log_to_stderr()
    receivers = alert_webhooks(runtime.settings)
    notice_carrier(runtime.settings)  # what is wrong with its settings is said now, not to whoever is told first
    listening = listen(host, port)
    app = create_app(runtime)
    mount(app, runtime)
    if not is_loopback(host):
        note(f"Listening beyond this machine on {host}: put TLS in front of it.")
    stream = StreamPath(runtime.settings, runtime.database, runtime.keyring, receivers)
    app.state.stream = stream
    runtime.events.on_stored = stream.offer
    background = _background(runtime)
    stream.start()
    for work in background:
        work.start()
    note(f"Console: http://{f'[{host}]' if ':' in host else host}:{port}/  (stop with Ctrl+C)")
    try:
        config = uvicorn.Config(app, log_config=None, log_level="warning", server_header=False)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        for work in background:
            work.stop()
        stream.stop()


def _background(runtime: Runtime) -> tuple[Background, ...]:
    hunt = HuntApart(runtime.settings.home)
    hunts = HuntWhenNews(hunt, waiting=runtime.events.has_pending, knowledge=lambda: version(runtime.database))

    def deliver() -> None:
        # Somebody else who delivers sees to everything that is due: no waiting for them.
        runtime.go_round(Effort(most_attempts=runtime.settings.delivery_attempts, wait_seconds=0))

    def tell() -> None:
        runtime.send_notices()

    upkeep = Upkeep(runtime.database, runtime.ledger, runtime.gateways)

    def look_after() -> None:
        report = upkeep.look()
        if report.shut_again or report.failures:
            _log.info("gateways_looked_after", shut_again=report.shut_again, failures=report.failures[:3])

    settings = runtime.settings
    work = [
        Background("hunts", hunts, settings.hunt_interval_seconds, cancel=hunt.stop),
        Background("deliveries", deliver, settings.delivery_interval_seconds),
        Background("notices", tell, settings.hunt_interval_seconds),
        Background("upkeep", look_after, settings.upkeep_interval_seconds),
    ]
    witness = settings.witness_file
    if witness is not None:
        work.append(Background("witness", lambda: _witness(runtime, witness), _WITNESS_SECONDS))
    return tuple(work)


def _witness(runtime: Runtime, file: Path) -> None:
    witness_growth(runtime.ledger, file)
