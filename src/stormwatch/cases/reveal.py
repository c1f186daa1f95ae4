"""Opens what was said in some requests of a case: for a person, with a reason, recorded before a word is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from stormwatch.access.acting import confirmed_person
from stormwatch.cases.queue import case_row, get_case
from stormwatch.cases.requests import TextPlace, text_places
from stormwatch.cases.said import said
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import CaseState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput
from stormwatch.model.event import EventText
from stormwatch.model.principal import Principal, Role
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.lake import Lake
from stormwatch.storage.texts import read_rows

MOST_EVENTS: Final = 20


@dataclass(frozen=True, slots=True)
class RevealedRequest:
    """One request with its text; `text` is None when the text was erased or its retention ended."""

    event_id: str
    account_id: str
    time_us: int
    text: EventText | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was opened, in order of time, and the ledger entry that says so."""

    case_id: str
    reason: str
    requests: tuple[RevealedRequest, ...]
    ledger_sequence: int


def reveal(
    database: Database,
    ledger: Ledger,
    lake: Lake,
    keyring: Keyring,
    by: Principal,
    case_id: str,
    event_ids: Collection[str],
    reason: str,
) -> Transcript:
    """The texts of at most MOST_EVENTS requests of the case's accounts. Analysts and approvers alone.

    Raises InvalidInput without a reason or with too many requests, Forbidden when a request is not one of the case's
    accounts (nothing is opened then), FactorNeeded while a second factor has to be given anew, Conflict when the case
    is closed. The ledger entry is committed before any text is decrypted, so that a reveal that fails half-way is on
    record all the same.
    """
    stated = said(reason, "opening texts needs a reason")
    wanted = sorted(set(event_ids))
    if not 1 <= len(wanted) <= MOST_EVENTS:
        raise InvalidInput(f"{len(wanted)} requests were named; name 1 to {MOST_EVENTS} at a time")
    # Found before the write transaction, because a lake is large, and held against the case's accounts inside it.
    found = text_places(lake, get_case(database, case_id).account_ids, wanted)
    with database.write() as connection:
        person = confirmed_person(connection, by, Role.ANALYST, Role.APPROVER)
        case = case_row(connection, case_id)
        if case.state is CaseState.CLOSED:
            raise Conflict("the case is closed", where=case_id, remedy="texts are opened for open cases alone")
        places = [place for place in found if place.account_id in case.account_ids]
        _require_scope(case_id, wanted, places)
        entry = ledger.append(
            connection, "text.revealed", person.person_id, case_id, {"events": list(wanted), "reason": stated}
        )
    texts = dict(_open(lake, keyring, places))
    requests = tuple(RevealedRequest(p.event_id, p.account_id, p.time_us, texts.get(p)) for p in places)
    return Transcript(case_id, stated, requests, entry.sequence)


def _require_scope(case_id: str, wanted: Sequence[str], places: Sequence[TextPlace]) -> None:
    outside = set(wanted) - {place.event_id for place in places}
    if outside:
        raise Forbidden(
            f"{len(outside)} of the requests are none of this case's accounts, the first is {min(outside)}",
            where=case_id,
            remedy="name requests that `stormwatch case show` lists",
        )


def _open(lake: Lake, keyring: Keyring, places: Sequence[TextPlace]) -> Iterator[tuple[TextPlace, EventText]]:
    ordered = sorted(places, key=lambda place: place.segment)
    for segment, group in groupby(ordered, key=lambda place: place.segment):
        at = {(place.chunk, place.row): place for place in group}
        yield from ((at[found], text) for found, text in read_rows(lake, keyring, segment, at))
