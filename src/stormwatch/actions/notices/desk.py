"""What writing, sending and answering notices needs of an installation, put together once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stormwatch.config import Settings, shipped
from stormwatch.ledger.log import Ledger
from stormwatch.model.times import DAY
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake


@dataclass(frozen=True, slots=True)
class Terms:
    """What notices say of the operator: its name, where to appeal, its terms of use, and the two periods."""

    provider: str
    appeal_url: str
    terms_of_use: str
    appeal_window_us: int
    review_us: int


@dataclass(frozen=True, slots=True)
class Desk:
    """The stores behind notices and appeals, and the operator's terms."""

    database: Database
    ledger: Ledger
    keyring: Keyring
    lake: Lake
    terms: Terms
    profiles: tuple[Path, ...] = ()


def desk_of(settings: Settings, database: Database, ledger: Ledger, keyring: Keyring, lake: Lake) -> Desk:
    """The desk of an installation."""
    terms = Terms(
        provider=settings.provider_name,
        appeal_url=settings.appeal_url,
        terms_of_use=settings.terms_of_use,
        appeal_window_us=settings.appeal_window_days * DAY,
        review_us=settings.appeal_review_days * DAY,
    )
    return Desk(database, ledger, keyring, lake, terms, (shipped("profiles"), *settings.profiles))
