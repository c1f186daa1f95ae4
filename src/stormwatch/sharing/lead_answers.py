"""The answer to a lead: `found` leaves only with an approved case behind it that rests on more than the lead itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from stormwatch.access.acting import acting_person
from stormwatch.access.permission import require
from stormwatch.cases.evidence_file import evidence_file_in
from stormwatch.cases.queue import case_row
from stormwatch.intel.lead_searches import found_of, latest_search
from stormwatch.intel.leads import get_lead, lead_in, set_answered
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.model.intel import Lead, LeadState
from stormwatch.model.principal import Principal
from stormwatch.model.times import now_us
from stormwatch.sharing.outward import SHARERS, approved_cases, require_approved
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake

FOUND = "found"
NOT_FOUND = "not-found"
_NEVER_SEARCHED = (LeadState.PROPOSED, LeadState.REFUSED, LeadState.WITHDRAWN)
# Evidence of these kinds repeats what somebody told us; it is no conduct of the account's own.
_TOLD = frozenset({"indicator-hit", "artefact-hit"})


@dataclass(frozen=True, slots=True)
class LeadReply:
    """What the source of a lead is told: found or not, how many accounts, since when, in which period was searched.

    No account is named; which they are is in the record of the search `search_id`, which stays here.
    """

    lead: Lead
    answer: str
    accounts: int
    first_us: int | None
    search_id: str | None = None
    from_us: int | None = None
    until_us: int | None = None


def answer_lead(
    database: Database, ledger: Ledger, lake: Lake, by: Principal, lead_id: str, *, case_id: str | None
) -> LeadReply:
    """Answers a lead: `found` when a case is named, else `not-found`; both go on the ledger.

    Raises Conflict when the lead was never searched for or is answered, when `found` has no approved case behind it
    that holds accounts the lead hit and evidence of their own conduct, or when `not-found` is said though an approved
    case holds such accounts.
    """
    require(by, *SHARERS)
    hits, search = found_of(lake, database, lead_id), latest_search(database, lead_id)
    accounts: frozenset[str] = frozenset()
    with database.write() as connection:
        person = acting_person(connection, by, *SHARERS)
        lead = lead_in(connection, lead_id)
        _require_open(lead)
        if case_id is not None:
            accounts = _standing(connection, lake, case_id, frozenset(hits.accounts))
        else:
            _require_nothing_found(connection, hits.accounts)
        answer = FOUND if case_id is not None else NOT_FOUND
        set_answered(connection, lead_id, answer, case_id, now_us())
        body: dict[str, str | int | None] = {
            "answer": answer,
            "case_id": case_id,
            "accounts": len(accounts),
            "search_id": None if search is None else search.search_id,
        }
        ledger.append(connection, "lead.answered", person.person_id, lead_id, body)
    told = (get_lead(database, lead_id), answer, len(accounts), hits.first_us if accounts else None)
    if search is None:
        return LeadReply(*told)
    return LeadReply(*told, search.search_id, search.coverage.from_us, search.coverage.until_us)


def _require_open(lead: Lead) -> None:
    if lead.state is LeadState.ANSWERED:
        raise Conflict("this lead has been answered", where=lead.lead_id)
    if lead.state in _NEVER_SEARCHED:
        raise Conflict(f"this lead is {lead.state.value}, so there is nothing to answer", where=lead.lead_id)
    if lead.state is LeadState.OPEN:
        raise Conflict(
            "this lead has not been searched for in all of history yet",
            where=lead.lead_id,
            remedy="run `stormwatch hunt` first",
        )


def _require_nothing_found(connection: Connection, hit: Collection[str]) -> None:
    cases = approved_cases(connection, hit)
    if cases:
        raise Conflict(
            "two people decided on accounts that this lead hit, so `not-found` would be untrue",
            where=cases[0],
            remedy="answer with --case",
        )


def _standing(connection: Connection, lake: Lake, case_id: str, hit: frozenset[str]) -> frozenset[str]:
    decided = require_approved(connection, case_id)
    common = decided & hit
    if not common:
        raise InvalidInput(
            "the lead hit none of the accounts on which this case decided",
            where=case_id,
            remedy="name the case that holds them, or answer not-found",
        )
    file = evidence_file_in(connection, lake, case_row(connection, case_id))
    if not file.links and all(piece.kind in _TOLD for piece in file.evidence):
        raise Conflict(
            "this case rests on the lead alone, with no conduct of the accounts' own behind it",
            where=case_id,
            remedy="an answer would only give the source its own words back",
        )
    return common
