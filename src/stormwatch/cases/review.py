"""What people do to a case: claim and release it, note, answer an innocent explanation, clear, close, reopen it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, insert, or_, select, update

from stormwatch.access.acting import acting_person
from stormwatch.cases.evidence_file import EvidenceFile, evidence_file_in
from stormwatch.cases.outcomes import Outcome, record_outcomes
from stormwatch.cases.queue import Note, case_row
from stormwatch.cases.said import said
from stormwatch.cases.states import move, require_state
from stormwatch.cases.versions import holder_name, require_version, touch
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import CaseState
from stormwatch.model.errors import Conflict, NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.principal import Person, Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.actions import actions
from stormwatch.storage.tables.cases import case_answers, case_notes, case_tasks, cases

_REVIEWERS: Final = (Role.ANALYST, Role.APPROVER)
_CLAIMABLE: Final = (CaseState.OPEN, CaseState.IN_REVIEW, CaseState.ACTED)
_CLOSABLE: Final = (CaseState.ACTED, CaseState.CLEARED, CaseState.IN_REVIEW)
_UNSETTLED: Final = "clear it or act on it before closing it"
_CLAIM: Final = "claim the case first"


def claim(
    database: Database, ledger: Ledger, by: Principal, case_id: str, *, take_over: bool = False, seen: int | None = None
) -> None:
    """Takes an open or acted case into review, or with `take_over` one in review over from who holds it.

    For analysts and approvers. `seen` is the version of the case that the person looked at, here and below: Conflict
    when it changed since, so that of two who claim at once the second learns of the first.
    """
    with database.write() as connection:
        person, now = acting_person(connection, by, *_REVIEWERS), now_us()
        require_version(connection, case_id, seen)
        state = require_state(connection, case_id, *_CLAIMABLE, remedy="it cannot be claimed in this state")
        _require_free(connection, case_id, state, person, take_over=take_over)
        if state is not CaseState.IN_REVIEW:
            move(connection, ledger, case_id, CaseState.IN_REVIEW, by=person.person_id, reason="claimed", now_us=now)
        connection.execute(update(cases).where(cases.c.case_id == case_id).values(assignee=person.person_id))
        touch(connection, case_id, by=person.person_id, how="claimed", now_us=now)
        ledger.append(connection, "case.claimed", person.person_id, case_id, {"assignee": person.person_id})


def release(
    database: Database, ledger: Ledger, by: Principal, case_id: str, reason: str, *, seen: int | None = None
) -> None:
    """Gives a case in review back to its queue: open, nobody's, and due anew. Conflict when somebody else holds it."""
    kept = said(reason, "a reason must say something")
    with database.write() as connection:
        person = acting_person(connection, by, *_REVIEWERS)
        require_version(connection, case_id, seen)
        state = require_state(connection, case_id, CaseState.IN_REVIEW, remedy=_CLAIM)
        _require_free(connection, case_id, state, person, take_over=False)
        move(connection, ledger, case_id, CaseState.OPEN, by=person.person_id, reason=kept, now_us=now_us())
        connection.execute(update(cases).where(cases.c.case_id == case_id).values(assignee=None))


def reopen(
    database: Database, ledger: Ledger, by: Principal, case_id: str, reason: str, *, seen: int | None = None
) -> None:
    """Opens a cleared or closed case again, for what no hunt can see; Conflict for one whose accounts another holds."""
    kept = said(reason, "a reason must say something")
    with database.write() as connection:
        person = acting_person(connection, by, *_REVIEWERS)
        require_version(connection, case_id, seen)
        case = case_row(connection, case_id)
        if case.merged_into is not None:
            raise Conflict("its accounts are in another case now", where=case.merged_into, remedy="look at that one")
        require_state(connection, case_id, CaseState.CLEARED, CaseState.CLOSED, remedy="claim it instead")
        move(connection, ledger, case_id, CaseState.OPEN, by=person.person_id, reason=kept, now_us=now_us())
        connection.execute(update(cases).where(cases.c.case_id == case_id).values(assignee=None))


def note(database: Database, ledger: Ledger, by: Principal, case_id: str, text: str) -> Note:
    """Adds a note to a case in any state. The ledger says that there is one, not what it says."""
    kept = said(text, "a note must say something")
    with database.write() as connection:
        person = acting_person(connection, by, *_REVIEWERS)
        case_row(connection, case_id)
        written = Note(new_id("note"), person.person_id, now_us(), kept)
        connection.execute(
            insert(case_notes).values(
                note_id=written.note_id, case_id=case_id, by=written.by, time_us=written.time_us, text=written.text
            )
        )
        touch(connection, case_id, by=person.person_id, how="noted on", now_us=written.time_us)
        ledger.append(connection, "case.noted", person.person_id, case_id, {"note": written.note_id})
    return written


def answer_alternative(
    database: Database,
    ledger: Ledger,
    lake: Lake,
    by: Principal,
    case_id: str,
    alternative_id: str,
    answer: str,
    *,
    seen: int | None = None,
) -> None:
    """Records why an innocent explanation is set aside, or that it holds; a later answer replaces an earlier one.

    The case must be in review. NotFound when the alternative is none that the evidence file asks about.
    """
    kept = said(answer, "an answer must say something")
    with database.write() as connection:
        person = acting_person(connection, by, *_REVIEWERS)
        require_version(connection, case_id, seen)
        require_state(connection, case_id, CaseState.IN_REVIEW, remedy=_CLAIM)
        file = evidence_file_in(connection, lake, case_row(connection, case_id))
        asked = next((a for a in file.alternatives if a.alternative_id == alternative_id), None)
        if asked is None:
            raise NotFound("this case does not ask about such an alternative", where=alternative_id)
        connection.execute(
            delete(case_answers).where(
                case_answers.c.case_id == case_id, case_answers.c.alternative_id == alternative_id
            )
        )
        connection.execute(
            insert(case_answers).values(
                case_id=case_id, alternative_id=alternative_id, answer=kept, by=person.person_id, time_us=now_us()
            )
        )
        touch(connection, case_id, by=person.person_id, how="given an answer", now_us=now_us())
        ledger.append(
            connection,
            "case.alternative-answered",
            person.person_id,
            case_id,
            {"alternative": alternative_id, "statement": asked.statement, "answer": kept},
        )


def clear(
    database: Database, ledger: Ledger, lake: Lake, by: Principal, case_id: str, reason: str, *, seen: int | None = None
) -> None:
    """Finds the accounts innocent of what was suspected. The same evidence will not reopen the case.

    An acted case is not cleared before its actions are reversed (which brings it back into review).
    """
    kept = said(reason, "a reason must say something")
    with database.write() as connection:
        person, now = acting_person(connection, by, *_REVIEWERS), now_us()
        require_version(connection, case_id, seen)
        case = case_row(connection, case_id)
        _require_nothing_in_effect(connection, case_id, now)
        file = evidence_file_in(connection, lake, case)
        move(
            connection,
            ledger,
            case_id,
            CaseState.CLEARED,
            by=person.person_id,
            reason=kept,
            now_us=now,
            facts={"evidence_hash": file.digest},
        )
        settle(connection, file)
        record_outcomes(connection, case.account_ids, case_id, Outcome.CLEARED, now)


def close(
    database: Database, ledger: Ledger, lake: Lake, by: Principal, case_id: str, reason: str, *, seen: int | None = None
) -> None:
    """Closes a case that was acted on or cleared, also while it is reviewed again: its texts are opened no more.

    What is known by then was weighed: the same evidence and accounts will not reopen it. Conflict while a task is open.
    """
    kept = said(reason, "a reason must say something")
    with database.write() as connection:
        person = acting_person(connection, by, *_REVIEWERS)
        require_version(connection, case_id, seen)
        state = require_state(connection, case_id, *_CLOSABLE, remedy=_UNSETTLED)
        _require_no_open_task(connection, case_id)
        if state is CaseState.IN_REVIEW and not _was_settled(connection, case_id):
            raise Conflict("the case is not settled", where=case_id, remedy=_UNSETTLED)
        settle(connection, evidence_file_in(connection, lake, case_row(connection, case_id)))
        move(connection, ledger, case_id, CaseState.CLOSED, by=person.person_id, reason=kept, now_us=now_us())


def settle(connection: Connection, file: EvidenceFile) -> None:
    """Remembers on which evidence a case was settled, inside the caller's write transaction."""
    connection.execute(
        update(cases)
        .where(cases.c.case_id == file.case.case_id)
        .values(settled_digest=file.digest, settled_evidence=[list(piece) for piece in file.basis])
    )


def _require_nothing_in_effect(connection: Connection, case_id: str, now: int) -> None:
    # The table is read, not the room: actions stand after cases on the route.
    held = connection.execute(
        select(actions.c.action_id).where(
            actions.c.case_id == case_id,
            actions.c.reversed_us.is_(None),
            or_(actions.c.until_us.is_(None), actions.c.until_us > now),
        )
    ).first()
    if held is not None:
        raise Conflict("an action of this case is in effect", where=held.action_id, remedy="reverse it first")


def _require_free(connection: Connection, case_id: str, state: CaseState, person: Person, *, take_over: bool) -> None:
    holder = case_row(connection, case_id).assignee
    if state is CaseState.IN_REVIEW and not take_over and holder not in (None, person.person_id):
        raise Conflict(
            f"{holder_name(connection, holder)} holds this case",
            where=case_id,
            remedy="take it over if that is agreed (`stormwatch case claim --take-over`)",
        )


def _require_no_open_task(connection: Connection, case_id: str) -> None:
    left = connection.execute(
        select(case_tasks.c.title).where(case_tasks.c.case_id == case_id, case_tasks.c.ended_us.is_(None))
    ).first()
    if left is not None:
        raise Conflict(f"a task is open: {left.title}", where=case_id, remedy="do it, or drop it with a reason")


def _was_settled(connection: Connection, case_id: str) -> bool:
    digest = connection.execute(select(cases.c.settled_digest).where(cases.c.case_id == case_id)).scalar_one()
    return digest is not None
