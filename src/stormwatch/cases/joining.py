"""Merges two cases into one and splits one into two: evidence stays, answers and waiting proposals do not hold over."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, delete, insert, or_, select, update

from stormwatch.access.acting import acting_person
from stormwatch.cases.queue import answers_of, case_row, title_of
from stormwatch.cases.said import said
from stormwatch.cases.states import move, record, require_state
from stormwatch.cases.versions import require_version, touch
from stormwatch.ledger.log import Ledger
from stormwatch.model.case import Case, CaseState
from stormwatch.model.errors import Conflict, InvalidInput
from stormwatch.model.ids import new_id
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, proposals
from stormwatch.storage.tables.cases import case_accounts, case_answers, case_notes, case_tasks, cases

_REVIEWERS: Final = (Role.ANALYST, Role.APPROVER)
_UNSETTLED: Final = (CaseState.OPEN, CaseState.IN_REVIEW, CaseState.PROPOSED)
_REOPEN: Final = "reopen it first"


def merge(
    database: Database,
    ledger: Ledger,
    by: Principal,
    case_id: str,
    into: str,
    reason: str,
    *,
    seen: int | None = None,
    seen_into: int | None = None,
) -> Case:
    """Puts the accounts of a case into another, which the reviewers think is the same operator's; gives that one.

    The merged case is closed and points there; its notes, history and ledger stay, its open tasks move. A proposal
    that waits on either dies, and answers to innocent explanations are kept as notes and asked for anew, because both
    were given on other accounts. Conflict for a settled case, or while an action of the merged case is in effect.
    """
    kept = said(reason, "a reason must say something")
    if case_id == into:
        raise InvalidInput("a case cannot be merged into itself", where=case_id)
    with database.write() as connection:
        person, now = acting_person(connection, by, *_REVIEWERS), now_us()
        require_version(connection, case_id, seen)
        require_version(connection, into, seen_into)
        require_state(connection, case_id, *_UNSETTLED, remedy=_REOPEN)
        require_state(connection, into, *_UNSETTLED, CaseState.ACTED, remedy=_REOPEN)
        merged, survivor = case_row(connection, case_id), case_row(connection, into)
        held = _under_action(connection, case_id, now)
        if held:
            raise Conflict("an action of this case is in effect", where=min(held), remedy="merge the other into it")
        joined = sorted(set(merged.account_ids) - set(survivor.account_ids))
        for each in (merged, survivor):
            _unsettle(connection, ledger, each, by=person.person_id, why="the case was merged", now=now)
        _add_accounts(connection, into, joined, now)
        _move_tasks(connection, case_id, into)
        _curate(connection, into, risk=max(merged.risk, survivor.risk))
        if survivor.state is CaseState.ACTED:
            _move(connection, ledger, into, CaseState.IN_REVIEW, person.person_id, f"{case_id} merged into it", now)
        touch(connection, into, by=person.person_id, how="merged with another", now_us=now)
        _move(connection, ledger, case_id, CaseState.CLOSED, person.person_id, f"merged into {into}: {kept}", now)
        connection.execute(update(cases).where(cases.c.case_id == case_id).values(merged_into=into))
        body = {"into": into, "accounts": list(merged.account_ids), "joined": joined, "reason": kept}
        ledger.append(connection, "case.merged", person.person_id, case_id, body)
        return case_row(connection, into)


def split(
    database: Database,
    ledger: Ledger,
    by: Principal,
    case_id: str,
    account_ids: Collection[str],
    reason: str,
    *,
    seen: int | None = None,
) -> Case:
    """Takes some accounts of a case into one of their own, which is open and in the same queue; gives the new case.

    A waiting proposal dies and answers are asked for anew, as with `merge`. Accounts under an action of the case stay.
    Raises InvalidInput for accounts that are not the case's, or when none or all are named.
    """
    kept, leaving = said(reason, "a reason must say something"), sorted(set(account_ids))
    with database.write() as connection:
        person, now = acting_person(connection, by, *_REVIEWERS), now_us()
        require_version(connection, case_id, seen)
        require_state(connection, case_id, *_UNSETTLED, CaseState.ACTED, remedy=_REOPEN)
        case = case_row(connection, case_id)
        _require_some_of(case, leaving)
        held = _under_action(connection, case_id, now) & set(leaving)
        if held:
            raise Conflict("an account under an action of this case stays in it", where=min(held))
        _unsettle(connection, ledger, case, by=person.person_id, why="the case was split", now=now)
        new = _open(connection, case, len(leaving), by=person.person_id, now=now)
        connection.execute(
            delete(case_accounts).where(case_accounts.c.case_id == case_id, case_accounts.c.account_id.in_(leaving))
        )
        _add_accounts(connection, new, leaving, now)
        _curate(connection, case_id, risk=case.risk)
        touch(connection, case_id, by=person.person_id, how="split", now_us=now)
        body = {"into": new, "accounts": leaving, "reason": kept}
        ledger.append(connection, "case.split", person.person_id, case_id, body)
        return case_row(connection, new)


def _require_some_of(case: Case, leaving: Collection[str]) -> None:
    strangers = set(leaving) - set(case.account_ids)
    if strangers:
        raise InvalidInput("this account is not in the case", where=min(strangers))
    if not 0 < len(leaving) < len(case.account_ids):
        raise InvalidInput("a split leaves accounts on both sides", where=case.case_id, remedy="name some, not all")


def _open(connection: Connection, case: Case, accounts: int, *, by: str, now: int) -> str:
    row = connection.execute(select(cases).where(cases.c.case_id == case.case_id)).mappings().one()
    new = new_id("case")
    taken = {
        name: row[name] for name in ("subject_id", "cluster_id", "risk", "leading", "queue", "routed_by", "due_hours")
    }
    connection.execute(
        insert(cases).values(
            case_id=new,
            state=CaseState.OPEN.value,
            opened_us=now,
            updated_us=now,
            title=title_of(accounts, case.leading or "unassessed"),
            due_us=case.due_us,
            curated=True,
            split_from=case.case_id,
            changed_by=by,
            changed_how="split off",
            **taken,
        )
    )
    record(connection, new, None, CaseState.OPEN, by=by, reason=f"split from {case.case_id}", now_us=now)
    return new


def _unsettle(connection: Connection, ledger: Ledger, case: Case, *, by: str, why: str, now: int) -> None:
    """Nothing that was said of a list of accounts holds for another: proposals die, answers become notes."""
    _void_proposals(connection, ledger, case, by=by, why=why, now=now)
    for answer in answers_of(connection, case.case_id).values():
        text = f"Answer to {answer.alternative_id}, given before {why}: {answer.answer}"
        connection.execute(
            insert(case_notes).values(
                note_id=new_id("note"), case_id=case.case_id, by=answer.by, time_us=answer.time_us, text=text
            )
        )
    connection.execute(delete(case_answers).where(case_answers.c.case_id == case.case_id))


def _void_proposals(connection: Connection, ledger: Ledger, case: Case, *, by: str, why: str, now: int) -> None:
    # The table is written, not the room asked: actions stand after cases on the route. Moving the case would be enough
    # for an approval to fail; that nobody finds a proposal waiting which cannot be approved is for people's sake.
    waiting = connection.execute(
        select(proposals.c.proposal_id, proposals.c.evidence_hash).where(
            proposals.c.case_id == case.case_id, proposals.c.state == "pending"
        )
    ).all()
    for proposal in waiting:
        connection.execute(
            update(proposals)
            .where(proposals.c.proposal_id == proposal.proposal_id)
            .values(state="void", decided_by=by, decided_us=now, decision_reason=why)
        )
        body = {"proposal": proposal.proposal_id, "evidence_hash": proposal.evidence_hash, "reason": why}
        ledger.append(connection, "action.void", by, case.case_id, body)
    if case.state is CaseState.PROPOSED:
        _move(connection, ledger, case.case_id, CaseState.IN_REVIEW, by, f"void: {why}", now)


def _move(connection: Connection, ledger: Ledger, case_id: str, to: CaseState, by: str, reason: str, now: int) -> None:
    move(connection, ledger, case_id, to, by=by, reason=reason, now_us=now)


def _move_tasks(connection: Connection, case_id: str, into: str) -> None:
    still_open = (case_tasks.c.case_id == case_id) & case_tasks.c.ended_us.is_(None)
    connection.execute(update(case_tasks).where(still_open).values(case_id=into))


def _add_accounts(connection: Connection, case_id: str, account_ids: Collection[str], now: int) -> None:
    rows = [{"case_id": case_id, "account_id": account, "joined_us": now} for account in account_ids]
    if rows:
        connection.execute(insert(case_accounts), rows)


def _curate(connection: Connection, case_id: str, *, risk: float) -> None:
    case = case_row(connection, case_id)
    title = title_of(len(case.account_ids), case.leading or "unassessed")
    connection.execute(update(cases).where(cases.c.case_id == case_id).values(curated=True, risk=risk, title=title))


def _under_action(connection: Connection, case_id: str, now: int) -> set[str]:
    # The table is read, not the room, as above.
    in_effect = select(actions.c.account_id).where(
        actions.c.case_id == case_id,
        actions.c.reversed_us.is_(None),
        actions.c.ended_us.is_(None),
        or_(actions.c.until_us.is_(None), actions.c.until_us > now),
    )
    return set(connection.execute(in_effect).scalars())
