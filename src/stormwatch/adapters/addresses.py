"""Addresses of others' servers into whether they can be called, and whether what is sent there would leave in clear."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from stormwatch.model.errors import InvalidInput


def check_address(url: str, setting: str, *, carried: str, plain_http: bool) -> None:
    """InvalidInput when an address is none, or `carried` (such as `webhooks`) would leave this machine unencrypted."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise InvalidInput("this is no address that can be called", where=setting, remedy="write https://…")
    if parts.scheme == "http" and not plain_http and not is_loopback(host):
        raise InvalidInput(
            f"{carried} would leave this machine unencrypted, to {host}",
            where=setting,
            remedy="write https://…, or allow plain HTTP in the settings where the network is yours",
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
