"""Somebody who had no part in a decision reviews the appeal against it: the measure stands, or it is undone."""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import Connection, select, union, update

from stormwatch.access.acting import confirmed_person
from stormwatch.actions.appeals.appeal_file import Reasons, appeal_row, seal_reasons
from stormwatch.actions.appeals.settling import settle, tell_outcome
from stormwatch.actions.notices.desk import Desk
from stormwatch.actions.notices.discretion import require_discreet
from stormwatch.cases.said import said
from stormwatch.ledger.canonical import canonical_json
from stormwatch.ledger.entry import commitment_of
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput
from stormwatch.model.notice import Appeal, AppealDecision, AppealState, NoticeKind
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, proposals
from stormwatch.storage.tables.cases import case_answers, cases
from stormwatch.storage.tables.notices import appeals

LONGEST_TOLD: Final = 2_000
_SALT_BYTES: Final = 32


def decide_appeal(
    desk: Desk, by: Principal, appeal_id: str, decision: AppealDecision, reason: str, told: str = ""
) -> Appeal:
    """An approver who had no part in the case upholds the measure or reverses it at once; the holder is told.

    `reason` stays in the record, `told` goes into the notice as written. Raises Forbidden for who proposed, decided,
    answered or held anything on the case, whatever role they hold now; FactorNeeded while a second factor has to be
    given anew; Conflict when the appeal is decided; InvalidInput when `told` would tip somebody off. Hand the outbox
    of actions to gateways afterwards (`actions.delivery.deliver`).
    """
    stated = said(reason, "a decision on an appeal needs a reason")
    if len(told) > LONGEST_TOLD:
        raise InvalidInput(f"the holder can be told at most {LONGEST_TOLD} characters", remedy="say it in fewer words")
    with desk.database.write() as connection:
        person = confirmed_person(connection, by, Role.APPROVER)
        appeal = appeal_row(connection, appeal_id)
        if person.person_id in deciders(connection, appeal):
            raise Forbidden(
                "nobody reviews what they had a part in", where=appeal_id, remedy="another approver has to decide"
            )
        if appeal.state is not AppealState.WAITING:
            raise Conflict(f"the appeal is {appeal.state.value} already", where=appeal_id)
        require_discreet(desk, connection, told)
        _record(desk, connection, appeal, person.person_id, decision, Reasons(stated, told.strip(), _salt()))
        if decision is AppealDecision.UPHOLD:
            tell_outcome(desk, connection, appeal, NoticeKind.APPEAL_UPHELD, told.strip())
    if decision is AppealDecision.REVERSE:
        settle(desk)
    with desk.database.read() as connection:
        return appeal_row(connection, appeal_id)


def may_review(database: Database, appeal: Appeal, person_id: str) -> bool:
    """Whether somebody had no part in what an appeal is against."""
    with database.read() as connection:
        return person_id not in deciders(connection, appeal)


def deciders(connection: Connection, appeal: Appeal) -> frozenset[str]:
    """Everybody who proposed, decided or answered anything on the case, or holds it."""
    case_id = appeal.case_id
    query = union(
        select(proposals.c.proposed_by).where(proposals.c.case_id == case_id),
        select(proposals.c.decided_by).where(proposals.c.case_id == case_id),
        select(actions.c.proposed_by).where(actions.c.case_id == case_id),
        select(actions.c.approved_by).where(actions.c.case_id == case_id),
        select(case_answers.c.by).where(case_answers.c.case_id == case_id),
        select(cases.c.assignee).where(cases.c.case_id == case_id),
    )
    return frozenset(person for person in connection.execute(query).scalars() if person)


def _record(
    desk: Desk, connection: Connection, appeal: Appeal, by: str, decision: AppealDecision, reasons: Reasons
) -> None:
    upheld = decision is AppealDecision.UPHOLD
    now = now_us()
    connection.execute(
        update(appeals)
        .where(appeals.c.appeal_id == appeal.appeal_id)
        .values(
            state=(AppealState.UPHELD if upheld else AppealState.REVERSING).value,
            decided_by=by,
            decided_us=now,
            sealed_reason=seal_reasons(desk.keyring, appeal.appeal_id, reasons),
            settled_us=now if upheld else None,
        )
    )
    words = canonical_json([reasons.reason, reasons.told])
    body = {
        "appeal": appeal.appeal_id,
        "action": appeal.action_id,
        "decision": decision.value,
        "reason_commitment": commitment_of(reasons.salt, appeal.appeal_id, words),
    }
    desk.ledger.append(connection, "appeal.decided", by, appeal.case_id, body)


def _salt() -> str:
    return secrets.token_hex(_SALT_BYTES)
