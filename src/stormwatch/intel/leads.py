"""Leads: tips from outside with source, grade and limits; those accepted become indicators, backward and forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from stormwatch.access.records import person_by_id
from stormwatch.intel.indicators import indicator_id_of, replace_origins, unusable
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput, NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Indicator, Lead, LeadState, SourceKind
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.database import Database
from stormwatch.storage.tables.intel import lead_observables, leads

# STIX 2.1 appendix A, "Admiralty credibility": 1 to 5; 6 means that it cannot be judged, so no confidence is stated.
CONFIDENCE_OF_CREDIBILITY: Final = {1: 90, 2: 70, 3: 50, 4: 30, 5: 10}
_MAX_TEXT: Final = 4000
_ENUMS: Final = ("source_kind", "tlp", "pap", "state")


def new_lead_id() -> str:
    """A fresh id for a lead."""
    return new_id("lead")


def add_lead(database: Database, ledger: Ledger, lead: Lead, by: str, *, hold: bool = False) -> Lead:
    """Stores a lead and records it.

    One that can single out a person waits for somebody else's acceptance, and so does any with `hold`; the others are
    accepted by being added, and their observables become indicators over all of history. Raises InvalidInput when the
    lead names nothing to look for, names what must not be matched, has expired before it came, or names a person
    without a legal basis; Forbidden when such a lead is added by nobody in particular; Conflict when the id is taken.
    """
    _check(lead)
    waits = hold or lead.about_people
    decided = (None, None) if waits else (by, lead.received_us)
    state = LeadState.PROPOSED if waits else lead.state
    stored = replace(lead, state=state, added_by=by, decided_by=decided[0], decided_us=decided[1])
    with database.write() as connection:
        if lead.about_people:
            _require_somebody(connection, by)
        if connection.execute(select(leads.c.lead_id).where(leads.c.lead_id == lead.lead_id)).first():
            raise Conflict("a lead with this id is there already", where=lead.lead_id)
        connection.execute(insert(leads).values(**_row(stored)))
        named = [{"lead_id": lead.lead_id, **_named(one)} for one in dict.fromkeys(lead.observables)]
        connection.execute(insert(lead_observables), named)
        ledger.append(connection, "lead.added", by, lead.lead_id, _recorded(stored))
        if not waits:
            replace_origins(connection, {lead.lead_id: indicators_of(stored)})
    return stored


def indicators_of(lead: Lead) -> tuple[Indicator, ...]:
    """The indicators a lead stands for: valid from the beginning of time, so that all history is searched."""
    return tuple(
        Indicator(
            indicator_id=indicator_id_of(lead.lead_id, observable, alone=False),
            observable=observable,
            valid_from_us=0,
            valid_until_us=lead.expires_us,
            confidence=CONFIDENCE_OF_CREDIBILITY.get(lead.grade.credibility),
            actors=(lead.actor,) if lead.actor else (),
            source=lead.source,
            tlp=lead.tlp,
            lead_id=lead.lead_id,
            pap=lead.pap,
            grade=lead.grade,
        )
        for observable in dict.fromkeys(lead.observables)
    )


def list_leads(database: Database) -> tuple[Lead, ...]:
    """All leads, the newest first."""
    with database.read() as connection:
        named = _observables(connection)
        rows = connection.execute(select(leads).order_by(leads.c.received_us.desc(), leads.c.lead_id))
        return tuple(_lead(row, named.get(row.lead_id, ())) for row in rows)


def get_lead(database: Database, lead_id: str) -> Lead:
    """One lead; NotFound when there is none of that id."""
    with database.read() as connection:
        return lead_in(connection, lead_id)


def lead_in(connection: Connection, lead_id: str) -> Lead:
    """The same inside a transaction."""
    row = connection.execute(select(leads).where(leads.c.lead_id == lead_id)).first()
    if row is None:
        raise NotFound("there is no such lead", where=lead_id, remedy="`stormwatch lead list` shows those there are")
    return _lead(row, _observables(connection, lead_id).get(lead_id, ()))


def note_search(database: Database, now_us: int) -> int:
    """Called when everything was matched: open leads count as searched, those past their end as expired.

    Returns how many leads changed. An expired lead's indicators end with it, so later events no longer match.
    """
    with database.write() as connection:
        searched = connection.execute(
            update(leads).where(leads.c.state == LeadState.OPEN.value).values(state=LeadState.SEARCHED.value)
        ).rowcount
        waiting = (LeadState.SEARCHED.value, LeadState.PROPOSED.value)
        expired = connection.execute(
            update(leads)
            .where(leads.c.expires_us <= now_us, leads.c.state.in_(waiting))
            .values(state=LeadState.EXPIRED.value)
        ).rowcount
    return searched + expired


def set_searched(connection: Connection, lead_id: str) -> None:
    """Marks one open lead as searched for through everything there is."""
    still = leads.c.state == LeadState.OPEN.value
    connection.execute(update(leads).where(leads.c.lead_id == lead_id, still).values(state=LeadState.SEARCHED.value))


def set_answered(connection: Connection, lead_id: str, answer: str, case_id: str | None, now_us: int) -> None:
    """Marks a lead as answered; whether the answer may leave is for the sharing room to decide."""
    connection.execute(
        update(leads)
        .where(leads.c.lead_id == lead_id)
        .values(state=LeadState.ANSWERED.value, answer=answer, answer_case_id=case_id, answered_us=now_us)
    )


def _check(lead: Lead) -> None:
    if not lead.observables:
        raise InvalidInput("a lead must name something to look for", remedy="add --indicator kind=value or --file")
    for observable in lead.observables:
        problem = unusable(observable)
        if problem is not None:
            raise InvalidInput(problem, where=f"{observable.kind}={observable.value}", remedy="leave it out")
    if lead.about_people and not lead.legal_basis.strip():
        raise InvalidInput(
            "this lead can single out a person and states no legal basis",
            remedy="say with --legal-basis what allows you to look for that person",
        )
    if lead.expires_us is not None and lead.expires_us <= lead.received_us:
        raise InvalidInput("this lead ends before it came", where="expires", remedy="give a time that lies ahead")
    for name, text in (("title", lead.title), ("source", lead.source)):
        if not text.strip():
            raise InvalidInput(f"a lead needs a {name}", remedy=f"give it with --{name}")
    texts = (lead.title, lead.source, lead.note, lead.permitted_use, lead.legal_basis, lead.actor or "")
    if any(len(text) > _MAX_TEXT for text in texts):
        raise InvalidInput(f"a text of this lead is longer than {_MAX_TEXT} characters", remedy="shorten it")


def _require_somebody(connection: Connection, by: str) -> None:
    """Nobody could be second to a lead that nobody in particular added."""
    try:
        known = by != SYSTEM and person_by_id(connection, by).active
    except NotFound:
        known = False
    if not known:
        raise Forbidden(
            "a lead that can single out a person is added in a person's name",
            remedy="put your personal token into STORMWATCH_TOKEN; another person then accepts the lead",
        )


def _recorded(lead: Lead) -> Mapping[str, Any]:
    return {
        "source_kind": lead.source_kind.value,
        "grade": str(lead.grade),
        "tlp": lead.tlp.value,
        "pap": lead.pap.value,
        "permitted_use": lead.permitted_use,
        "about_people": lead.about_people,
        "legal_basis": lead.legal_basis,
        "state": lead.state.value,
        "expires_us": lead.expires_us,
        "observables": [f"{observable.kind.value}={observable.value}" for observable in lead.observables],
    }


def _row(lead: Lead) -> dict[str, Any]:
    row = {field.name: getattr(lead, field.name) for field in fields(lead) if field.name != "observables"}
    return {**row, "grade": str(lead.grade), **{field: row[field].value for field in _ENUMS}}


def _named(observable: Observable) -> Mapping[str, str]:
    return {"kind": observable.kind.value, "value": observable.value}


def _observables(connection: Connection, lead_id: str | None = None) -> Mapping[str, Sequence[Observable]]:
    found: dict[str, list[Observable]] = {}
    query = select(lead_observables).order_by(lead_observables.c.kind, lead_observables.c.value)
    if lead_id is not None:
        query = query.where(lead_observables.c.lead_id == lead_id)
    for row in connection.execute(query):
        found.setdefault(row.lead_id, []).append(Observable(ObservableKind(row.kind), row.value))
    return found


def _lead(row: Any, observables: Sequence[Observable]) -> Lead:
    plain = {field.name: getattr(row, field.name) for field in fields(Lead) if field.name != "observables"}
    read = {"source_kind": SourceKind, "tlp": TLP, "pap": PAP, "state": LeadState, "grade": AdmiraltyGrade.parse}
    return Lead(
        **{**plain, **{name: maker(plain[name]) for name, maker in read.items()}, "observables": tuple(observables)}
    )
