"""The receivers that an installation is set up with, by the ids under which messages to them are kept."""

from __future__ import annotations

from stormwatch.config import Settings
from stormwatch.model.ids import derived_id


def destination_of(url: str) -> str:
    """The id of a receiver: an address may hold a secret of its own, so it is not kept in the database."""
    return derived_id("receiver", url)


def destinations(settings: Settings) -> tuple[str, ...]:
    """The ids of the receivers that are configured."""
    return tuple(destination_of(url) for url in dict.fromkeys(settings.alert_urls))
