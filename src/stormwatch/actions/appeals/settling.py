"""Carries out what reviewers decided: lifts the actions, closes the appeal, tells the holder; it can be begun again."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select, update

from stormwatch.access.records import person_by_id
from stormwatch.actions.appeals.appeal_file import open_reasons, read_appeals
from stormwatch.actions.execution import actions_in_effect
from stormwatch.actions.notices.desk import Desk
from stormwatch.actions.notices.issuing import tell_of_action
from stormwatch.actions.notices.languages import best_language
from stormwatch.actions.notices.wording import moment, printable, spoken
from stormwatch.actions.reversal import reverse
from stormwatch.ledger.log import SYSTEM
from stormwatch.model.errors import Conflict, Forbidden
from stormwatch.model.notice import Appeal, AppealState, Notice, NoticeKind
from stormwatch.model.principal import Principal, Scope
from stormwatch.model.times import now_us
from stormwatch.storage.tables.notices import appeals

_CARRIED_OUT: Final = "appeal"


def settle(desk: Desk) -> tuple[Appeal, ...]:
    """Carries out every decision for a holder that is not carried out yet; safe to call at any time.

    An appeal that succeeds lifts whatever the same case holds on the account, not the one action alone: what the same
    people decided on the same evidence must not stay. Done in the reviewer's name; where they may act no more, the
    actions stay for another approver to reverse, and the appeal is settled then.
    """
    query = select(appeals).where(appeals.c.state == AppealState.REVERSING.value)
    with desk.database.read() as connection:
        waiting = read_appeals(connection, query)
    return tuple(appeal for appeal in waiting if _lifted(desk, appeal) and _closed(desk, appeal))


def tell_outcome(desk: Desk, connection: Connection, appeal: Appeal, kind: NoticeKind, told: str) -> Notice:
    """Writes the answer to an appeal, inside the caller's write transaction."""
    language = best_language(appeal.language)
    more = {
        each.code: {
            "received": moment(appeal.received_us),
            "words": f"\n{each.reviewer_says}\n{printable(told, lines=True)}\n" if told else "",
        }
        for each in spoken(language)
    }
    return tell_of_action(desk, connection, kind, appeal.action_id, language, by=SYSTEM, more=more)


def _lifted(desk: Desk, appeal: Appeal) -> bool:
    with desk.database.read() as connection:
        held = [
            action.action_id
            for action in actions_in_effect(connection, [appeal.account_id])
            if action.case_id == appeal.case_id
        ]
        reviewer = person_by_id(connection, str(appeal.decided_by))
    if not held:
        return True
    by = Principal(reviewer, _CARRIED_OUT, frozenset({Scope.PERSON}), _CARRIED_OUT)
    try:
        reverse(desk.database, desk.ledger, by, held, f"appeal {appeal.appeal_id} succeeded")
    except (Conflict, Forbidden):  # somebody was faster, or the reviewer may act no more
        return False
    return True


def _closed(desk: Desk, appeal: Appeal) -> bool:
    with desk.database.write() as connection:
        mine = (appeals.c.appeal_id == appeal.appeal_id, appeals.c.state == AppealState.REVERSING.value)
        closed = {"state": AppealState.REVERSED.value, "settled_us": now_us()}
        if connection.execute(update(appeals).where(*mine).values(**closed)).rowcount == 0:
            return False
        reasons = open_reasons(connection, desk.keyring, appeal.appeal_id)
        tell_outcome(desk, connection, appeal, NoticeKind.APPEAL_REVERSED, reasons.told if reasons else "")
        body = {"appeal": appeal.appeal_id, "action": appeal.action_id}
        desk.ledger.append(connection, "appeal.settled", SYSTEM, appeal.case_id, body)
    return True
