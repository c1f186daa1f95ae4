"""Indicators into lookup structures: exact by kind and value, addresses also by range, each answer in microseconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stormwatch.intel.ranges import AddressRanges
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind

# STIX has one object, `software`, for what telemetry shows as a package name or a user agent.
_ALSO: Final = {
    ObservableKind.PACKAGE: (ObservableKind.SOFTWARE,),
    ObservableKind.USER_AGENT: (ObservableKind.SOFTWARE,),
    ObservableKind.SOFTWARE: (ObservableKind.PACKAGE, ObservableKind.USER_AGENT),
}
_ADDRESSES: Final = frozenset({ObservableKind.IPV4, ObservableKind.IPV6})


class IndicatorLookup:
    """Which indicators an observable hits, whenever they were valid: callers weigh `valid_at` for their event."""

    def __init__(self, indicators: Iterable[Indicator]) -> None:
        exact: dict[Observable, list[Indicator]] = {}
        ranges: dict[str, list[Indicator]] = {}
        for indicator in indicators:
            if indicator.observable.kind is ObservableKind.CIDR:
                ranges.setdefault(indicator.observable.value, []).append(indicator)
            else:
                exact.setdefault(indicator.observable, []).append(indicator)
        self._exact = {observable: tuple(found) for observable, found in exact.items()}
        self._in_range = {text: tuple(found) for text, found in ranges.items()}
        self._ranges = AddressRanges((text, text) for text in ranges)

    def hits(self, observable: Observable) -> tuple[Indicator, ...]:
        """Indicators on this observable, or on a range that holds it."""
        found = self._exact.get(observable, ())
        for kind in _ALSO.get(observable.kind, ()):
            found += self._exact.get(Observable(kind, observable.value), ())
        if observable.kind in _ADDRESSES and self._in_range:
            for text in self._ranges.labels(observable.value):
                found += self._in_range[text]
        return found

    def hits_on_address(self, address: str) -> tuple[Indicator, ...]:
        """Indicators on an address in canonical text, or on a range that holds it."""
        kind = ObservableKind.IPV6 if ":" in address else ObservableKind.IPV4
        return self.hits(Observable(kind, address))

    @property
    def values(self) -> frozenset[Observable]:
        """Every observable that is looked up exactly: what to preselect history by."""
        return frozenset(self._exact)
