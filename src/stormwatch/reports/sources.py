"""Where figures come from: the case database, the lake and the ledger of one installation."""

from __future__ import annotations

from dataclasses import dataclass

from stormwatch.ledger.log import Ledger
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


@dataclass(frozen=True, slots=True)
class Sources:
    """The stores that derivations read."""

    database: Database
    lake: Lake
    ledger: Ledger
