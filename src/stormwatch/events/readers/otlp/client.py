"""What attributes say about the client of a request: its address, how far that can be believed, its user agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from stormwatch.events.client_address import TrustedProxies, recorded_address
from stormwatch.events.readers.otlp.shape import Shape
from stormwatch.events.readers.otlp.spans import Attributes
from stormwatch.model.event import IpSource

Basis = Literal["socket", "trusted_proxy", "asserted"]


class Client(msgspec.Struct, frozen=True, gc=False):
    """Address, how it is known, and user agent; all unchecked texts."""

    source_ip: str | None
    ip_source: Basis | None
    user_agent: str | None


def client_of(shape: Shape, attributes: Attributes, proxies: TrustedProxies) -> Client | None:
    """The client that the attributes tell of, or None."""
    peer = _first(attributes, shape.peer) if shape.peer else None
    told = _first(attributes, shape.told) if shape.told else None
    agent = _first(attributes, shape.user_agent) if shape.user_agent else None
    if peer is None and told is None and agent is None:
        return None
    headers = [name for name in shape.forwarded if name.endswith(f".{proxies.header}")]
    forwarded = _first(attributes, headers) if headers else None
    address, basis = believed(peer, told, forwarded, proxies)
    return Client(address, basis, agent)


def believed(
    peer: str | None, told: str | None, forwarded: str | None, proxies: TrustedProxies
) -> tuple[str | None, Basis | None]:
    """The address to store and how far it can be believed.

    `peer` is what the sender calls the socket's other end, `told` what it calls the client, `forwarded` the header.
    Servers that apply forwarding headers themselves write a header's content where the socket's address belongs, so an
    address is believed only where the peer is one of the operator's proxies and the header, which that proxy wrote,
    says more than the peer's own address. Everything else that telemetry says is `asserted`.
    """
    if peer and forwarded:
        found = recorded_address(peer, {proxies.header: forwarded}, proxies)
        if found.source is IpSource.TRUSTED_PROXY:
            return found.address, "trusted_proxy"
    address = told or peer
    return address, "asserted" if address else None


def _first(attributes: Attributes, names: Sequence[str]) -> str | None:
    for name in names:
        value: Any = attributes[name]
        if isinstance(value, list) and value:  # a header's values come as a list
            value = value[0]
        if isinstance(value, str) and value:
            return value
    return None
