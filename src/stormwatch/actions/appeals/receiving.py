"""A one-time code and what its holder wrote into an appeal in the queue; who guesses codes is made to wait.

Nothing is asked that would tell whether an account exists, and every code that does not count is refused alike.
"""

from __future__ import annotations

import secrets
from typing import Final

import structlog
from sqlalchemy import Connection, delete, insert, select

from stormwatch.access.throttle import Limit, count_attempt, forgive_once
from stormwatch.actions.appeals.appeal_file import appeal_row, seal_text
from stormwatch.actions.execution import action_row
from stormwatch.actions.notices.codes import notice_of_code
from stormwatch.actions.notices.desk import Desk
from stormwatch.actions.notices.notice_file import notice_row
from stormwatch.cases.said import said
from stormwatch.ledger.canonical import canonical_json
from stormwatch.ledger.entry import commitment_of
from stormwatch.ledger.log import SYSTEM
from stormwatch.model.case import Action
from stormwatch.model.errors import Forbidden, InvalidInput
from stormwatch.model.ids import new_id
from stormwatch.model.notice import Appeal, AppealState, Notice, NoticeState
from stormwatch.model.times import now_us
from stormwatch.storage.tables.notices import appeal_codes, appeals, notices

LONGEST_APPEAL: Final = 10_000
GUESSES: Final = Limit(10)
_BUCKET: Final = "appeal-address"
_SALT_BYTES: Final = 32
_log = structlog.get_logger(__name__)


class CodeRefused(Forbidden):
    """A code is none, was used, is too old, or what it was about is over: which of them is not told."""


def receive_appeal(desk: Desk, code: str, text: str, address: str) -> Appeal:
    """Enters an appeal and uses its code up; it needs no person and names no account.

    `address` is where the request came from. Raises InvalidInput for a text that is empty or longer than
    LONGEST_APPEAL, CodeRefused for every code that does not count, TooManyAttempts after ten of them.
    """
    written = said(text.encode(errors="replace").decode().replace("\r\n", "\n"), "an appeal needs some words")
    if len(written) > LONGEST_APPEAL:
        raise InvalidInput(f"an appeal has at most {LONGEST_APPEAL} characters", remedy="say it in fewer words")
    bucket = desk.keyring.keyed_hash(_BUCKET, address.encode(errors="replace").decode())
    with desk.database.write() as connection:
        count_attempt(connection, {bucket: GUESSES}, now_us())
    with desk.database.write() as connection:
        found = _appealable(desk, connection, code)
        if found is None:
            _log.info("appeal_code_refused")
            raise CodeRefused("this code is not valid, was used or is too old", remedy="compare it with your notice")
        forgive_once(connection, bucket)
        notice, action = found
        # Every code of the action is used up, in whichever of its notices it was printed.
        of_action = select(notices.c.notice_id).where(notices.c.action_id == action.action_id)
        connection.execute(delete(appeal_codes).where(appeal_codes.c.notice_id.in_(of_action)))
        return _enter(desk, connection, notice, action, written)


def _appealable(desk: Desk, connection: Connection, code: str) -> tuple[Notice, Action] | None:
    notice_id = notice_of_code(connection, desk.keyring, code)
    if notice_id is None:
        return None
    notice = notice_row(connection, notice_id)
    left = notice.state in (NoticeState.SENT, NoticeState.WAITING)  # waiting: it left, and its carrier did not say so
    if not left or notice.action_id is None or notice.appeal_until_us is None or notice.appeal_until_us <= now_us():
        return None
    action = action_row(connection, notice.action_id)
    return None if action.reversed_us is not None else (notice, action)


def _enter(desk: Desk, connection: Connection, notice: Notice, action: Action, text: str) -> Appeal:
    appeal_id, salt, now = new_id("appeal"), secrets.token_hex(_SALT_BYTES), now_us()
    commitment = commitment_of(salt, appeal_id, canonical_json(text))
    connection.execute(
        insert(appeals).values(
            appeal_id=appeal_id,
            notice_id=notice.notice_id,
            action_id=action.action_id,
            case_id=action.case_id,
            account_id=action.account_id,
            language=notice.language,
            state=AppealState.WAITING.value,
            sealed_text=seal_text(desk.keyring, appeal_id, text),
            salt=salt,
            commitment=commitment,
            received_us=now,
            due_us=now + desk.terms.review_us,
        )
    )
    body = {"appeal": appeal_id, "notice": notice.notice_id, "action": action.action_id, "commitment": commitment}
    desk.ledger.append(connection, "appeal.received", SYSTEM, action.case_id, body)
    return appeal_row(connection, appeal_id)
