"""Things that can be seen again: addresses, names, files and other artefacts, after STIX cyber-observables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ObservableKind(StrEnum):
    """Kinds of observable, named as the STIX object types where those have one."""

    IPV4 = "ipv4-addr"
    IPV6 = "ipv6-addr"
    CIDR = "cidr"
    DOMAIN = "domain-name"
    URL = "url"
    EMAIL = "email-addr"
    SHA256 = "file-sha256"
    SHA1 = "file-sha1"
    MD5 = "file-md5"
    SOFTWARE = "software"
    WALLET = "wallet"
    USER_AGENT = "user-agent"
    TLS = "tls-fingerprint"
    PACKAGE = "package"
    FILE_PATH = "file-path"
    REGISTRY_KEY = "windows-registry-key"
    MUTEX = "mutex"
    VULNERABILITY = "vulnerability"
    PSEUDONYM = "pseudonym"  # of a secret that was redacted on the way in


@dataclass(frozen=True, slots=True, order=True)
class Observable:
    """A kind and its normalised value (lower case, refanged); equal observables are the same thing seen twice."""

    kind: ObservableKind
    value: str
