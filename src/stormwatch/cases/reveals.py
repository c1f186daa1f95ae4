"""Who opened which texts of a case, when and why, read back from the ledger for those who may ask."""

from __future__ import annotations

from dataclasses import dataclass

from stormwatch.access.permission import require
from stormwatch.cases.queue import get_case
from stormwatch.ledger.log import Ledger
from stormwatch.model.principal import Principal, Role
from stormwatch.storage.database import Database

READERS = (Role.AUDITOR, Role.ADMINISTRATOR, Role.ANALYST, Role.APPROVER)
_KIND = "text.revealed"


@dataclass(frozen=True, slots=True)
class Reveal:
    """One opening: the requests whose texts were shown, by whom and why, and where the ledger says so."""

    by: str
    time_us: int
    event_ids: tuple[str, ...]
    reason: str
    ledger_sequence: int


def reveals_of(database: Database, ledger: Ledger, by: Principal, case_id: str) -> tuple[Reveal, ...]:
    """The openings of a case, the oldest first; Forbidden for who neither reviews nor audits.

    An entry that was erased from the ledger names no case any more and is not among them.
    """
    require(by, *READERS)
    get_case(database, case_id)
    found = []
    for entry in ledger.entries(kind=_KIND, subject=case_id):
        events, reason = entry.body.get("events"), entry.body.get("reason")
        ids = tuple(str(each) for each in events) if isinstance(events, list) else ()
        found.append(Reveal(entry.by, entry.time_us, ids, str(reason or ""), entry.sequence))
    return tuple(found)
