"""One observable looked up among all stored indicators, as the hunt would match it."""

from __future__ import annotations

from stormwatch.detections.indicators.indicator_index import IndicatorIndex
from stormwatch.intel.indicators import load_indicators
from stormwatch.model.intel import Indicator
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.database import Database


def indicators_on(database: Database, observable: Observable) -> tuple[Indicator, ...]:
    """The indicators that fall on it: of an address also the networks around it, of a domain also those above it."""
    index = IndicatorIndex(load_indicators(database))
    if observable.kind is ObservableKind.USER_AGENT:
        return tuple(index.of_user_agent(observable.value))
    if observable.kind in (ObservableKind.CIDR, ObservableKind.SOFTWARE):
        named = index.of_address(observable.value.partition("/")[0])
        return tuple(one for one in named if one.observable == observable)
    return tuple(index.of_observable(observable))
