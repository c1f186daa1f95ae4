"""What people decide about a lead that waits or is watched for: accept it, refuse it, withdraw it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, update

from stormwatch.access.acting import acting_person
from stormwatch.access.permission import require
from stormwatch.intel.indicators import replace_origins
from stormwatch.intel.leads import indicators_of, lead_in
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput
from stormwatch.model.intel import Lead, LeadState
from stormwatch.model.principal import Person, Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.intel import leads

DECIDERS: Final = (Role.ANALYST, Role.APPROVER)
_MAX_REASON: Final = 4000
_WATCHED: Final = (LeadState.OPEN, LeadState.SEARCHED)


def accept_lead(database: Database, ledger: Ledger, by: Principal, lead_id: str) -> Lead:
    """Lets a lead that waits be searched for and watched.

    Raises Forbidden without the role, or when the lead can single out a person and the same person added it; Conflict
    when it does not wait or has ended.
    """
    require(by, *DECIDERS)
    with database.write() as connection:
        person = acting_person(connection, by, *DECIDERS)
        lead = lead_in(connection, lead_id)
        _require_waiting(lead)
        if lead.about_people and lead.added_by == person.person_id:
            raise Forbidden(
                "nobody accepts alone a lead that can single out a person",
                where=lead_id,
                remedy="ask another analyst or approver to accept it",
            )
        accepted = _decide(connection, lead, person, LeadState.OPEN, "")
        replace_origins(connection, {lead_id: indicators_of(accepted)})
        body: dict[str, str | bool] = {
            "added_by": lead.added_by,
            "about_people": lead.about_people,
            "legal_basis": lead.legal_basis,
        }
        ledger.append(connection, "lead.accepted", person.person_id, lead_id, body)
    return accepted


def refuse_lead(database: Database, ledger: Ledger, by: Principal, lead_id: str, reason: str) -> Lead:
    """Ends a lead that waits: it is never searched for."""
    require(by, *DECIDERS)
    with database.write() as connection:
        person = acting_person(connection, by, *DECIDERS)
        lead = lead_in(connection, lead_id)
        _require_waiting(lead)
        refused = _decide(connection, lead, person, LeadState.REFUSED, _reason(reason))
        ledger.append(connection, "lead.refused", person.person_id, lead_id, {"reason": refused.decision_note})
    return refused


def withdraw_lead(database: Database, ledger: Ledger, by: Principal, lead_id: str, reason: str) -> Lead:
    """Ends the watch for a lead, as when its source recalls it: its indicators go, and with them what they matched."""
    require(by, *DECIDERS)
    with database.write() as connection:
        person = acting_person(connection, by, *DECIDERS)
        lead = lead_in(connection, lead_id)
        if lead.state not in _WATCHED:
            raise Conflict(f"this lead is {lead.state.value}, so there is no watch to end", where=lead_id)
        withdrawn = _decide(connection, lead, person, LeadState.WITHDRAWN, _reason(reason))
        replace_origins(connection, {lead_id: ()})
        ledger.append(connection, "lead.withdrawn", person.person_id, lead_id, {"reason": withdrawn.decision_note})
    return withdrawn


def _require_waiting(lead: Lead) -> None:
    if lead.state is not LeadState.PROPOSED:
        raise Conflict(f"this lead does not wait for a decision: it is {lead.state.value}", where=lead.lead_id)
    if lead.expires_us is not None and lead.expires_us <= now_us():
        raise Conflict("this lead has ended while it waited", where=lead.lead_id, remedy="ask its source for a new one")


def _decide(connection: Connection, lead: Lead, person: Person, state: LeadState, note: str) -> Lead:
    moment = now_us()
    values = {"state": state.value, "decided_by": person.person_id, "decided_us": moment, "decision_note": note}
    connection.execute(update(leads).where(leads.c.lead_id == lead.lead_id).values(**values))
    return replace(lead, state=state, decided_by=person.person_id, decided_us=moment, decision_note=note)


def _reason(text: str) -> str:
    tidy = " ".join(text.split())
    if not tidy or len(tidy) > _MAX_REASON:
        raise InvalidInput(f"a reason has 1 to {_MAX_REASON} characters", where="--reason")
    return tidy
