"""Lists of what many share (VPN, cloud, relay, public DNS, freemail): they discount an indicator, never hide it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from stormwatch.intel.ranges import AddressRanges
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.database import Database
from stormwatch.storage.tables.intel import shared_lists

BUILT_IN_FREEMAIL: Final = "freemail domains (built in)"
_HOSTS: Final = frozenset({ObservableKind.IPV4, ObservableKind.IPV6, ObservableKind.DOMAIN})


class SharedKind(StrEnum):
    """Why many unrelated people show the same address or domain."""

    VPN = "vpn"
    CLOUD = "cloud"
    CDN = "cdn"
    RELAY = "relay"
    PUBLIC_DNS = "public-dns"
    NAT = "nat"
    FREEMAIL = "freemail"
    OTHER = "other"


_WHY: Final = {
    SharedKind.VPN: "a VPN: its exits are shared by many customers",
    SharedKind.CLOUD: "a cloud: its addresses are rented for hours",
    SharedKind.CDN: "a CDN: it stands before many unrelated sites",
    SharedKind.RELAY: "a relay: it hides many users behind few addresses",
    SharedKind.PUBLIC_DNS: "a public DNS resolver: everybody's programs name it",
    SharedKind.NAT: "a shared exit: many customers behind one address",
    SharedKind.FREEMAIL: "a mail service that anybody can join",
    SharedKind.OTHER: "used by many",
}


class Matching(StrEnum):
    """How the entries of a list are compared."""

    CIDR = "cidr"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True, order=True)
class SharedList:
    """A list that somebody maintains; `entries` are ranges or domain names."""

    name: str
    kind: SharedKind
    matching: Matching
    version: str
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class SharedMatch:
    """A list that holds an address or domain."""

    name: str
    kind: SharedKind

    def __str__(self) -> str:
        return self.name

    @property
    def reason(self) -> str:
        """The list, and why what stands on it is weak evidence."""
        return f"{self.name} ({_WHY[self.kind]})"


class SharedInfrastructure:
    """Which lists hold an address or a domain."""

    def __init__(self, lists: Iterable[SharedList]) -> None:
        known = [*lists, _freemail()]
        self.version = "|".join(sorted(f"{one.name}@{one.version}" for one in known))
        self._ranges = AddressRanges(
            (entry, SharedMatch(one.name, one.kind))
            for one in known
            if one.matching is Matching.CIDR
            for entry in one.entries
        )
        self._domains: dict[str, tuple[SharedMatch, ...]] = {}
        for one in known:
            if one.matching is Matching.DOMAIN:
                for entry in one.entries:
                    self._domains[entry] = (*self._domains.get(entry, ()), SharedMatch(one.name, one.kind))

    @classmethod
    def load(cls, database: Database) -> SharedInfrastructure:
        """All imported lists and the built-in one."""
        with database.read() as connection:
            rows = connection.execute(select(shared_lists).order_by(shared_lists.c.name))
            return cls(
                SharedList(row.name, SharedKind(row.kind), Matching(row.matching), row.version, _lines(row.entries))
                for row in rows
            )

    def matches_ip(self, address: str) -> tuple[SharedMatch, ...]:
        """Lists that hold an address; none for text that is no address."""
        return self._ranges.labels(address)

    def names_for_ip(self, ip: str) -> tuple[str, ...]:
        """Names of the lists that hold an address."""
        return tuple(match.name for match in self.matches_ip(ip))

    def matches_domain(self, domain: str) -> tuple[SharedMatch, ...]:
        """Lists that hold a domain or one above it."""
        name = domain.lower().rstrip(".")
        while name:
            found = self._domains.get(name)
            if found:
                return found
            name = name.partition(".")[2]
        return ()

    def matches(self, observable: Observable) -> tuple[SharedMatch, ...]:
        """Lists that hold an address, a domain, or the host of a URL or e-mail address."""
        host = observable.value
        if observable.kind in {ObservableKind.URL, ObservableKind.EMAIL}:
            authority = (host.partition("://")[2] or host).split("/", 1)[0].split("?", 1)[0]
            host = authority.rpartition("@")[2].partition(":")[0]
        elif observable.kind not in _HOSTS:
            return ()
        return self.matches_ip(host) or self.matches_domain(host)

    def is_shared_domain(self, domain: str) -> bool:
        """Whether a domain is one that many unrelated people use."""
        return bool(self.matches_domain(domain))


def lists_state(database: Database) -> tuple[tuple[str, str, int], ...]:
    """Name, version and length of every stored list: a cheap sign of whether what was loaded still holds."""
    columns = (shared_lists.c.name, shared_lists.c.version, func.length(shared_lists.c.entries))
    with database.read() as connection:
        rows = connection.execute(select(*columns).order_by(shared_lists.c.name))
        return tuple((row[0], row[1], row[2]) for row in rows)


def version_of_list(connection: Connection, name: str) -> str | None:
    """The version of the stored list of that name, None when there is none."""
    query = select(shared_lists.c.version).where(shared_lists.c.name == name)
    return connection.execute(query).scalar_one_or_none()


def store_list(connection: Connection, shared: SharedList) -> bool:
    """Stores a list in place of the one of that name; False when the same version and entries were there."""
    entries = "\n".join(shared.entries)
    same = select(shared_lists.c.entries).where(
        shared_lists.c.name == shared.name,
        shared_lists.c.version == shared.version,
        shared_lists.c.kind == shared.kind.value,
    )
    if connection.execute(same).scalar_one_or_none() == entries:
        return False
    connection.execute(delete(shared_lists).where(shared_lists.c.name == shared.name))
    row: Mapping[str, str] = {
        "name": shared.name,
        "kind": shared.kind.value,
        "matching": shared.matching.value,
        "version": shared.version,
        "entries": entries,
    }
    connection.execute(insert(shared_lists), [dict(row)])
    return True


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line and not line.startswith("#"))


@cache
def _freemail() -> SharedList:
    text = resources.files(__package__).joinpath("data", "freemail-domains.txt").read_text(encoding="utf-8")
    return SharedList(BUILT_IN_FREEMAIL, SharedKind.FREEMAIL, Matching.DOMAIN, "1", _lines(text))
