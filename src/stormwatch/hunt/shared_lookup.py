"""Answers, for observables and for identifiers of accounts, which lists of shared infrastructure hold them."""

from __future__ import annotations

from functools import lru_cache

from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.model.observable import Observable, ObservableKind

_ADDRESSES = frozenset({ObservableKind.IPV4.value, ObservableKind.IPV6.value})
_HOSTS = frozenset({ObservableKind.DOMAIN.value, ObservableKind.EMAIL.value, ObservableKind.URL.value})


class SharedLookup:
    """Look-ups by kind over the imported lists."""

    def __init__(self, lists: SharedInfrastructure) -> None:
        self._by_address = lru_cache(maxsize=1 << 16)(lists.names_for_ip)
        self._reasons_by_address = lru_cache(maxsize=1 << 16)(self._reasons_of_address)
        self._lists = lists

    def of_observable(self, kind: str, value: str) -> tuple[str, ...]:
        """Names of the lists that hold an observable."""
        if kind in _ADDRESSES:
            return self._by_address(value)
        if kind in _HOSTS:
            return tuple(match.name for match in self._lists.matches_domain(host_of(value)))
        return ()

    def reasons(self, kind: str, value: str) -> tuple[str, ...]:
        """The lists that hold an observable, each with why what stands on it is weak evidence."""
        if kind in _ADDRESSES:
            return self._reasons_by_address(value)
        if kind in _HOSTS:
            return tuple(match.reason for match in self._lists.matches(Observable(ObservableKind(kind), value)))
        return ()

    def _reasons_of_address(self, address: str) -> tuple[str, ...]:
        return tuple(match.reason for match in self._lists.matches_ip(address))

    def of_identifier(self, kind: str, value: str) -> tuple[str, ...]:
        """Names of the lists that hold an identifier as linking compares it."""
        if kind == "address":
            return self._by_address(value)
        if kind == "mail-domain":
            return self.of_observable(ObservableKind.DOMAIN.value, value)
        if kind == "artefact":
            observable_kind, _, observable = value.partition(" ")
            return self.of_observable(observable_kind, observable)
        return ()


def host_of(value: str) -> str:
    """The domain in a domain name, an e-mail address or a URL."""
    authority = (value.partition("://")[2] or value).split("/", 1)[0]
    return authority.rpartition("@")[2].partition(":")[0]
