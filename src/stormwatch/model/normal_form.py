"""Raw text of an observable (defanged, mixed case, with a port) into the one normal form in which it is compared."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

from stormwatch.model.observable import Observable, ObservableKind

_DEFANGED: Final = (
    (re.compile(r"\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\)", re.IGNORECASE), "."),
    (re.compile(r"\[:\]|\[:(?=//)"), ":"),
    (re.compile(r"\[@\]|\[at\]|\(at\)", re.IGNORECASE), "@"),
    (re.compile(r"^hxxp(s?)(?=:)", re.IGNORECASE), r"http\1"),
    (re.compile(r"^fxp(?=:)", re.IGNORECASE), "ftp"),
)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_V4_PORT: Final = re.compile(r"^([0-9.]+):[0-9]{1,5}$")
_V6_PORT: Final = re.compile(r"^\[([0-9a-f:.]+)\](?::[0-9]{1,5})?$", re.IGNORECASE)
_URL: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\s]+)([^#\s]*)(?:#\S*)?$")
_HEX: Final = re.compile(r"^[0-9a-f]+$")
_HASH_LENGTHS: Final = {32: ObservableKind.MD5, 40: ObservableKind.SHA1, 64: ObservableKind.SHA256}
_MAX_CHARACTERS: Final = 4096
# Two wallets may differ in case alone, and two user agents that do are two programs.
_CASE_MATTERS: Final = frozenset({ObservableKind.WALLET, ObservableKind.USER_AGENT})


def refang(text: str) -> str:
    """Undoes the usual ways of making an address unclickable: `hxxp`, `[.]`, `(at)`."""
    cleaned = text.strip()
    for pattern, replacement in _DEFANGED:
        cleaned = pattern.sub(replacement, cleaned)
    return cleaned


def observable_of(kind: ObservableKind, raw: str) -> Observable:
    """The observable that `raw` stands for.

    The kind may become more exact: an address with a prefix becomes a range, an IPv4-mapped IPv6 address becomes IPv4,
    a hash takes the kind of its length. ValueError says why text is no such thing.
    """
    if len(raw) > _MAX_CHARACTERS:
        raise ValueError(f"longer than {_MAX_CHARACTERS} characters")
    cleaned = refang(raw)
    if not cleaned or not cleaned.isprintable():
        raise ValueError("empty or not printable")
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(cleaned)
    tidy = " ".join(cleaned.split())
    return Observable(kind, tidy if kind in _CASE_MATTERS else tidy.lower())


def _address(text: str) -> Observable:
    bare = _V4_PORT.sub(r"\1", text)
    bare = _V6_PORT.sub(r"\1", bare)
    if "/" in bare:
        return _network(bare)
    address = ipaddress.ip_address(bare.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return Observable(ObservableKind.IPV6, str(address))
        address = address.ipv4_mapped
    return Observable(ObservableKind.IPV4, str(address))


def _network(text: str) -> Observable:
    network = ipaddress.ip_network(text, strict=False)
    if network.prefixlen == network.max_prefixlen:
        return _address(str(network.network_address))
    return Observable(ObservableKind.CIDR, str(network))


def _domain(text: str) -> Observable:
    name = text.lower().rstrip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ValueError("not a domain name") from error
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not a domain name")
    if labels[-1].isdigit():
        raise ValueError("an address, not a domain name")
    return Observable(ObservableKind.DOMAIN, name)


def _url(text: str) -> Observable:
    found = _URL.match(text)
    if found is None:
        raise ValueError("not a URL with scheme and host")
    scheme, host, rest = found[1].lower(), found[2].lower(), found[3]
    default_port = {"http": ":80", "https": ":443"}.get(scheme)
    if default_port is not None:
        host = host.removesuffix(default_port)
    return Observable(ObservableKind.URL, f"{scheme}://{host}{'' if rest == '/' else rest}")


def _email(text: str) -> Observable:
    local, at, domain = text.lower().rpartition("@")
    if not at or not local or any(character.isspace() for character in local):
        raise ValueError("not an e-mail address")
    return Observable(ObservableKind.EMAIL, f"{local}@{_domain(domain).value}")


def _hash(text: str) -> Observable:
    digest = text.lower()
    kind = _HASH_LENGTHS.get(len(digest))
    if kind is None or not _HEX.match(digest):
        raise ValueError("not an MD5, SHA-1 or SHA-256 in hexadecimal")
    return Observable(kind, digest)


_READERS: Final[Mapping[ObservableKind, Callable[[str], Observable]]] = {
    ObservableKind.IPV4: _address,
    ObservableKind.IPV6: _address,
    ObservableKind.CIDR: _address,
    ObservableKind.DOMAIN: _domain,
    ObservableKind.URL: _url,
    ObservableKind.EMAIL: _email,
    ObservableKind.SHA256: _hash,
    ObservableKind.SHA1: _hash,
    ObservableKind.MD5: _hash,
}
