"""An address and a port into a listening socket, or into a sentence that says why not."""

from __future__ import annotations

import socket
from typing import Final

from stormwatch.model.errors import InvalidInput

_BACKLOG: Final = 2048  # connections that wait to be accepted; uvicorn's own default
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server there."""
    return host in _LOOPBACK


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; InvalidInput when the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = str(error.strerror).partition(" (while")[0]  # Python adds the address, which stands in `where`
        raise InvalidInput(
            f"this address cannot be listened on: {reason}",
            where=f"{host}, port {port}",
            remedy="end what listens there, or name another with --port or --host",
        ) from error
    # asyncio does this only for sockets made with an explicit protocol. Without it an answer's second packet waits
    # 40 ms for the acknowledgement of its first. Connections inherit it.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
