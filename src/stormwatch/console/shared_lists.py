"""Keeps the lists of shared infrastructure in memory between pages, as long as nobody imports other ones."""

from __future__ import annotations

from functools import lru_cache

from stormwatch.intel.shared_infrastructure import SharedInfrastructure, lists_state
from stormwatch.storage.database import Database


def shared_lists(database: Database) -> SharedInfrastructure:
    """The lists as they are stored now; reading tens of thousands of ranges takes seconds, so it is done once."""
    return _loaded(database, lists_state(database))


@lru_cache(maxsize=2)
def _loaded(database: Database, _state: tuple[tuple[str, str, int], ...]) -> SharedInfrastructure:
    return SharedInfrastructure.load(database)


def lists_of(shared: SharedInfrastructure, kind: str, value: str) -> tuple[str, ...]:
    """Names of the lists that know an identifier of one of the console's kinds."""
    if kind == "address":
        return shared.names_for_ip(value)
    if kind == "domain":
        return tuple(match.name for match in shared.matches_domain(value))
    return ()
