"""Where a request came from, and how far that can be believed: what a socket showed beats what headers claim.

A header counts only when whoever stood at the socket is a configured proxy, and then only as far as configured proxies
wrote it: the chain is walked from its right end. Everything else that a header says is a caller's word.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from stormwatch.events.addresses import canonical_address
from stormwatch.model.errors import InvalidInput
from stormwatch.model.event import IpSource

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED_HEADERS: Final = ("x-forwarded-for", "forwarded", "x-real-ip")
_LONGEST_CHAIN: Final = 8192
_LONGEST_PEER: Final = 256  # a text that long is no address, and is remembered
# A pair of `Forwarded`, its value bare or quoted (RFC 7239), and what ends it.
_PAIR: Final = re.compile(r'\s*([^\s=;,"]{1,64})=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*([;,]|$)')


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """An address in canonical form and how it is known; both None when nothing is."""

    address: str | None = None
    source: IpSource | None = None


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The networks of the operator's own proxies, and the one header that those write.

    One header only: a proxy passes on the others as the client sent them.
    """

    networks: tuple[Network, ...] = ()
    header: str = FORWARDED_HEADERS[0]

    @classmethod
    def of(cls, networks: Iterable[str], header: str = FORWARDED_HEADERS[0]) -> TrustedProxies:
        """From networks as text, such as `10.0.0.0/8`; InvalidInput names the one that is none."""
        found = []
        for text in networks:
            try:
                found.append(ipaddress.ip_network(text.strip(), strict=False))
            except ValueError as error:
                raise InvalidInput(
                    f"{text[:80]!r} is no network", where="setting trusted_proxies", remedy="write one as 192.0.2.0/24"
                ) from error
        if header not in FORWARDED_HEADERS:
            allowed = ", ".join(FORWARDED_HEADERS)
            raise InvalidInput("no such header", where="setting forwarded_header", remedy=f"it is one of {allowed}")
        return cls(tuple(found), header)

    def trusts(self, address: str) -> bool:
        """Whether a canonical address is that of a configured proxy."""
        if not self.networks:
            return False
        return _within(self.networks, address)


@lru_cache(maxsize=65_536)
def _within(networks: tuple[Network, ...], address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(found in network for network in networks)


NOBODY_TRUSTED: Final = TrustedProxies()


def client_address(
    peer: str | None,
    headers: Mapping[str, str],
    proxies: TrustedProxies = NOBODY_TRUSTED,
    *,
    told: str | None = None,
) -> ClientAddress:
    """The client's address.

    `peer` is the other end of the socket as the gateway itself saw it, None where nobody recorded it; `headers` are the
    request's by lower-case names; `told` is an address of unknown origin, such as one that a gateway may have taken
    from a header. Without a peer an address is `asserted`, whatever the headers say.
    """
    at_socket = _at_socket(peer[:_LONGEST_PEER]) if peer else None
    if at_socket is None or at_socket.address is None:
        return _asserted(told or peer, headers)
    if not proxies.trusts(at_socket.address):
        return at_socket
    return _behind(at_socket, claimed_addresses(headers, proxies.header), proxies)


def recorded_address(
    recorded: str | None, headers: Mapping[str, str] | None, proxies: TrustedProxies = NOBODY_TRUSTED
) -> ClientAddress:
    """The client's address where a gateway recorded one that it may itself have taken from a header.

    Such an address is the socket's only when the headers were recorded too (None: they were not) and none of them
    claims it.
    """
    if not headers:
        return client_address(None, {}, proxies, told=recorded)
    address = canonical_address(recorded) if recorded else None
    claims = {claim for name in FORWARDED_HEADERS for claim in claimed_addresses(headers, name)}
    unclear = any(name in headers and not claimed_addresses(headers, name) for name in FORWARDED_HEADERS)
    if address is None or unclear or address in claims or (claims and not proxies.trusts(address)):
        return client_address(None, headers, proxies, told=recorded)
    return client_address(address, headers, proxies)


def claimed_addresses(headers: Mapping[str, str], header: str) -> list[str | None]:
    """The chain of addresses that a header claims, the client's end first; None for what is no address.

    Empty when the header is absent or cannot be read.
    """
    text = headers.get(header, "")
    if not text or len(text) > _LONGEST_CHAIN:
        return []
    if header == "forwarded":
        return _forwarded(text)
    return [canonical_address(part) for part in text.split(",")]


@lru_cache(maxsize=65_536)
def _at_socket(peer: str) -> ClientAddress:
    address = canonical_address(peer)
    return ClientAddress(address, IpSource.SOCKET if address else None)


def _behind(nearest: ClientAddress, chain: list[str | None], proxies: TrustedProxies) -> ClientAddress:
    for claim in reversed(chain):
        if claim is None:
            break
        nearest = ClientAddress(claim, IpSource.TRUSTED_PROXY)
        if not proxies.trusts(claim):
            break
    return nearest


def _asserted(told: str | None, headers: Mapping[str, str]) -> ClientAddress:
    if told:
        # An address that cannot be read is handed on as it is: the normaliser keeps it among the attributes.
        return ClientAddress(canonical_address(told) or told, IpSource.ASSERTED)
    for name in FORWARDED_HEADERS:
        for claim in claimed_addresses(headers, name):
            if claim is not None:
                return ClientAddress(claim, IpSource.ASSERTED)
    return ClientAddress()


def _forwarded(text: str) -> list[str | None]:
    """The `for` of each element. A text with an open quote gives nothing: nobody can tell where an element ends."""
    chain: list[str | None] = []
    position, claim, seen = 0, None, False
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None or (pair.end() == position):
            return []
        if pair[1].lower() == "for":
            claim, seen = canonical_address(pair[2] if pair[2] is not None else pair[3]), True
        if pair[4] != ";":
            chain.append(claim if seen else None)
            claim, seen = None, False
        position = pair.end()
    return chain
