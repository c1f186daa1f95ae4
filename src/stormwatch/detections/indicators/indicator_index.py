"""Indicators indexed by kind, for looking up an observable, an address or a name with all the domains above it."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind

# Raised whenever the same indicators may match differently.
_MATCHER_VERSION: Final = "2"
# A product name shorter than this sits in half of all user agents.
_SHORTEST_SOFTWARE: Final = 4
_HASHES: Final = (ObservableKind.MD5, ObservableKind.SHA1, ObservableKind.SHA256)

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class IndicatorIndex:
    """Looks up what indicators say of an observable; `version` changes with every indicator's content."""

    def __init__(self, indicators: Sequence[Indicator]) -> None:
        self.version: Final = indicators_version(indicators)
        self._exact: dict[tuple[ObservableKind, str], list[Indicator]] = defaultdict(list)
        self._networks: dict[tuple[int, int], dict[int, list[Indicator]]] = defaultdict(lambda: defaultdict(list))
        self._software: list[tuple[str, Indicator]] = []
        for indicator in sorted(indicators, key=lambda indicator: indicator.indicator_id):
            self._add(indicator)

    def _add(self, indicator: Indicator) -> None:
        kind, value = indicator.observable.kind, indicator.observable.value.strip()
        if kind in (ObservableKind.IPV4, ObservableKind.IPV6, ObservableKind.CIDR):
            network = _network(value)
            if network is not None:
                self._networks[network.max_prefixlen, network.prefixlen][int(network.network_address)].append(indicator)
        elif kind is ObservableKind.SOFTWARE:
            if len(value) >= _SHORTEST_SOFTWARE:
                self._software.append((value.lower(), indicator))
        elif kind is ObservableKind.DOMAIN:
            self._exact[kind, value.lower().strip(".")].append(indicator)
        elif kind is ObservableKind.URL:
            self._exact[kind, _url_key(value)].append(indicator)
        elif kind in (ObservableKind.EMAIL, *_HASHES):
            self._exact[kind, value.lower()].append(indicator)
        else:
            self._exact[kind, value].append(indicator)

    def networks(self, width: int) -> Iterator[tuple[int, int]]:
        """First and last number of every indicated address and network of that width in bits (32 or 128)."""
        for (wide, length), networks in self._networks.items():
            if wide == width:
                size = 1 << (width - length)
                yield from ((first, first + size - 1) for first in networks)

    def values_of(self, kind: ObservableKind) -> list[str]:
        """The indicated values of a kind that is compared letter for letter."""
        return [value for known, value in self._exact if known is kind]

    def software_names(self) -> list[str]:
        """Indicated names of software, in small letters, each once."""
        return list(dict.fromkeys(name for name, _ in self._software))

    def of_address(self, text: str) -> list[Indicator]:
        """Indicators whose address or network holds this address; none when it is no address."""
        address = _address(text) if self._networks else None
        if address is None:
            return []
        number, width = address
        found: list[Indicator] = []
        for (wide, length), networks in self._networks.items():
            if wide == width:
                found += networks.get(number >> (width - length) << (width - length), ())
        return found

    def of_domain(self, name: str) -> list[Indicator]:
        """Indicators on this domain or one above it."""
        labels = name.lower().strip(".").split(".")
        above = (".".join(labels[start:]) for start in range(len(labels) - 1))
        return [indicator for suffix in above for indicator in self._exact.get((ObservableKind.DOMAIN, suffix), ())]

    def of_user_agent(self, text: str) -> list[Indicator]:
        """Indicators on this exact user agent, or on software that it names."""
        lowered = text.lower()
        named = [indicator for software, indicator in self._software if software in lowered]
        return self._exact.get((ObservableKind.USER_AGENT, text), []) + named

    def of_value(self, kind: ObservableKind, value: str) -> list[Indicator]:
        """Indicators on exactly this value."""
        return self._exact.get((kind, value), [])

    def of_observable(self, observable: Observable) -> list[Indicator]:
        """Indicators that an artefact from a text falls under, by the rules of its kind."""
        kind, value = observable.kind, observable.value
        if kind in (ObservableKind.IPV4, ObservableKind.IPV6):
            return self.of_address(value)
        if kind is ObservableKind.DOMAIN:
            return self.of_domain(value)
        if kind is ObservableKind.EMAIL:
            return self.of_value(kind, value) + self.of_domain(value.rpartition("@")[2])
        if kind is ObservableKind.URL:
            return self.of_value(kind, _url_key(value))
        if kind is ObservableKind.PACKAGE:  # STIX knows packages as software by name
            return self.of_value(kind, value) + [found for name, found in self._software if name == value]
        return self.of_value(kind, value)


def indicators_version(indicators: Iterable[Indicator]) -> str:
    """A hash over what of each indicator decides its matches and their score."""
    lines = sorted(
        "\t".join(
            str(part)
            for part in (
                indicator.indicator_id,
                indicator.observable.kind,
                indicator.observable.value,
                indicator.valid_from_us,
                indicator.valid_until_us,
                indicator.confidence,
            )
        )
        for indicator in indicators
    )
    return hashlib.sha256("\n".join([_MATCHER_VERSION, *lines]).encode("utf-8", "replace")).hexdigest()[:16]


def _address(text: str) -> tuple[int, int] | None:
    """An address as a number and its width in bits; several times faster than the ipaddress module."""
    family, width = (socket.AF_INET6, 128) if ":" in text else (socket.AF_INET, 32)
    try:
        return int.from_bytes(socket.inet_pton(family, text)), width
    except (OSError, ValueError):  # a NUL in the text is a ValueError
        return None


def _network(text: str) -> _Network | None:
    """The network of an address or CIDR; a port after an IPv4 address, as some feeds write it, is passed over."""
    host, colon, port = text.partition(":")
    if colon and port.isdigit() and host.count(".") == 3:
        text = host
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _url_key(value: str) -> str:
    scheme, separator, rest = value.strip().partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{host.lower()}{slash}{path}".rstrip("/")
