"""Leads: tips from outside with source, grade and limits; what they name becomes indicators, backward and forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from stormwatch.intel.indicators import indicator_id_of, replace_origins, unusable
from stormwatch.ledger.log import Ledger
from stormwatch.model.errors import Conflict, InvalidInput, NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Indicator, Lead, LeadState, SourceKind
from stormwatch.model.observable import Observable, ObservableKind
from stormwatch.storage.database import Database
from stormwatch.storage.tables.intel import indicators, leads

# STIX 2.1 appendix A, "Admiralty credibility": 1 to 5; 6 means that it cannot be judged, so no confidence is stated.
_CONFIDENCE_OF_CREDIBILITY: Final = {1: 90, 2: 70, 3: 50, 4: 30, 5: 10}
_MAX_TEXT: Final = 4000


def new_lead_id() -> str:
    """A fresh id for a lead."""
    return new_id("lead")


def add_lead(database: Database, ledger: Ledger, lead: Lead, by: str) -> Lead:
    """Stores a lead, makes its observables indicators over all of history, and records it.

    Raises InvalidInput when the lead names nothing to look for, names what must not be matched, or has expired before
    it came; Conflict when the id is taken.
    """
    _check(lead)
    with database.write() as connection:
        if connection.execute(select(leads.c.lead_id).where(leads.c.lead_id == lead.lead_id)).first():
            raise Conflict("a lead with this id is there already", where=lead.lead_id)
        connection.execute(insert(leads).values(**_row(lead)))
        replace_origins(connection, {lead.lead_id: indicators_of(lead)})
        ledger.append(connection, "lead.added", by, lead.lead_id, _recorded(lead))
    return lead


def indicators_of(lead: Lead) -> tuple[Indicator, ...]:
    """The indicators a lead stands for: valid from the beginning of time, so that all history is searched."""
    return tuple(
        Indicator(
            indicator_id=indicator_id_of(lead.lead_id, observable, alone=False),
            observable=observable,
            valid_from_us=0,
            valid_until_us=lead.expires_us,
            confidence=_CONFIDENCE_OF_CREDIBILITY.get(lead.grade.credibility),
            actors=(lead.actor,) if lead.actor else (),
            source=lead.source,
            tlp=lead.tlp,
            lead_id=lead.lead_id,
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
    return _lead(row, _observables(connection).get(lead_id, ()))


def note_search(database: Database, now_us: int) -> int:
    """Called when a hunt has matched everything: open leads count as searched, those past their end as expired.

    Returns how many leads changed. An expired lead's indicators end with it, so later events no longer match.
    """
    with database.write() as connection:
        searched = connection.execute(
            update(leads).where(leads.c.state == LeadState.OPEN.value).values(state=LeadState.SEARCHED.value)
        ).rowcount
        expired = connection.execute(
            update(leads)
            .where(leads.c.expires_us <= now_us, leads.c.state == LeadState.SEARCHED.value)
            .values(state=LeadState.EXPIRED.value)
        ).rowcount
    return searched + expired


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
    if any(observable.kind is ObservableKind.EMAIL for observable in lead.observables) and not lead.permitted_use:
        raise InvalidInput(
            "this lead names a person by e-mail address and states no permitted use",
            remedy="say with --permitted-use on what basis you may look for that person",
        )
    if lead.expires_us is not None and lead.expires_us <= lead.received_us:
        raise InvalidInput("this lead ends before it came", where="expires", remedy="give a time that lies ahead")
    for name, text in (("title", lead.title), ("source", lead.source)):
        if not text.strip():
            raise InvalidInput(f"a lead needs a {name}", remedy=f"give it with --{name}")
    if any(len(text) > _MAX_TEXT for text in (lead.title, lead.source, lead.note, lead.permitted_use)):
        raise InvalidInput(f"a text of this lead is longer than {_MAX_TEXT} characters", remedy="shorten it")


def _recorded(lead: Lead) -> Mapping[str, Any]:
    return {
        "source_kind": lead.source_kind.value,
        "grade": str(lead.grade),
        "tlp": lead.tlp.value,
        "pap": lead.pap.value,
        "permitted_use": lead.permitted_use,
        "expires_us": lead.expires_us,
        "observables": [f"{observable.kind.value}={observable.value}" for observable in lead.observables],
    }


def _row(lead: Lead) -> dict[str, Any]:
    row = asdict(replace(lead, observables=()))
    del row["observables"]
    row["grade"] = str(lead.grade)
    return {**row, **{field: row[field].value for field in ("source_kind", "tlp", "pap", "state")}}


def _observables(connection: Connection) -> Mapping[str, Sequence[Observable]]:
    found: dict[str, list[Observable]] = {}
    rows = connection.execute(
        select(indicators.c.lead_id, indicators.c.kind, indicators.c.value)
        .where(indicators.c.lead_id.is_not(None))
        .order_by(indicators.c.kind, indicators.c.value)
    )
    for lead_id, kind, value in rows:
        found.setdefault(lead_id, []).append(Observable(ObservableKind(kind), value))
    return found


def _lead(row: Any, observables: Sequence[Observable]) -> Lead:
    return Lead(
        lead_id=row.lead_id,
        title=row.title,
        source=row.source,
        source_kind=SourceKind(row.source_kind),
        grade=AdmiraltyGrade.parse(row.grade),
        tlp=TLP(row.tlp),
        pap=PAP(row.pap),
        received_us=row.received_us,
        state=LeadState(row.state),
        expires_us=row.expires_us,
        permitted_use=row.permitted_use,
        actor=row.actor,
        observables=tuple(observables),
        note=row.note,
    )
