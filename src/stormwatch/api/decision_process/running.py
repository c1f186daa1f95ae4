"""Runs the decision process: the follower in a thread, the answers in the event loop, until it is told to end."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import uvicorn

from stormwatch.api.decision_process.endpoint import Endpoint
from stormwatch.api.decision_process.following import Follower
from stormwatch.api.decision_process.kept_state import KeptState

# The follower's thread hands the interpreter over this soon; an answer waits no longer for it.
_SWITCH_SECONDS: Final = 0.0005


def run_decision_process(
    listening: socket.socket,
    *,
    database_url: str,
    appeal_url: str | None,
    folder: Path,
    open_when_unknown: bool,
    anew: bool = False,
) -> None:
    """Answers on a socket until SIGTERM or Ctrl+C. `anew` forgets what is kept in the folder first.

    Raises Conflict when another process keeps its state in the folder, InvalidInput when what is kept is damaged.
    """
    kept = KeptState(folder)
    if anew:
        kept.forget()
    sys.setswitchinterval(_SWITCH_SECONDS)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(listening, kept, database_url, appeal_url, open_when_unknown=open_when_unknown))


async def _serve(
    listening: socket.socket, kept: KeptState, url: str, appeal_url: str | None, *, open_when_unknown: bool
) -> None:
    loop = asyncio.get_running_loop()

    def on_news() -> None:
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(endpoint.wake)

    follower = Follower(url, kept, appeal_url, on_news)
    endpoint = Endpoint(follower, open_when_unknown=open_when_unknown)
    follower.start()
    gc.collect()
    gc.freeze()  # what is there now stays; looking through it again and again would only delay answers
    config = uvicorn.Config(
        endpoint,
        lifespan="off",
        log_config=None,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=2,
    )
    try:
        await uvicorn.Server(config).serve(sockets=[listening])
    finally:
        follower.stop()
