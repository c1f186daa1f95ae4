"""The outbox of notices: what may leave gets its one-time code and deadline and goes to the carrier, at least once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, select, update

from stormwatch.actions.execution import action_row
from stormwatch.actions.notices.codes import mint
from stormwatch.actions.notices.desk import Desk
from stormwatch.actions.notices.notice_file import notice_row, words_in
from stormwatch.actions.notices.ports import NoticeCarrier, NoticeNotTaken
from stormwatch.actions.notices.wording import moment, with_marks
from stormwatch.ledger.log import SYSTEM
from stormwatch.model.notice import Notice, NoticeKind, NoticeState
from stormwatch.model.times import HOUR, MINUTE, SECOND, format_rfc3339, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.notices import notices

_FIRST_PAUSE: Final = 5 * SECOND
_LONGEST_PAUSE: Final = 6 * HOUR
_LEASE: Final = 2 * MINUTE  # a sender that dies with a notice in its hands leaves it to the next after so long
_MOST_ATTEMPTS: Final = 40  # about a week
_LONGEST_ERROR: Final = 300
_PRESENT_FORMAT: Final = "stormwatch.notice/1"


class NoticeMessage(msgspec.Struct, frozen=True):
    """What a carrier is given; `account` and `recipient` tell the operator's mail system whom to write to."""

    type: str
    notice: str
    kind: str
    made: str
    account: str | None
    recipient: str
    language: str
    direction: str
    subject: str
    text: str
    appeal_until: str | None


@dataclass(frozen=True, slots=True)
class CarryReport:
    """How many notices left, and why others did not (they are tried again later)."""

    sent: int = 0
    failures: tuple[str, ...] = ()


def carry(desk: Desk, carrier: NoticeCarrier, *, all_waiting: bool = False) -> CarryReport:
    """Hands over what is due; safe to call at any time and from several processes.

    A notice whose carrier was told and whose process died leaves again, under the same id, with a second good code.
    """
    sent, failures = 0, []
    for notice_id in _due(desk.database, all_waiting=all_waiting):
        message = _prepared(desk, notice_id, all_waiting=all_waiting)
        if message is None:
            continue
        try:
            carrier.take(notice_id, msgspec.json.encode(message))
        except NoticeNotTaken as error:
            failures.append(f"{notice_id}: {error}")
            _put_off(desk.database, notice_id, str(error))
        else:
            sent += 1
            _note_sent(desk, notice_id, carrier.name)
    return CarryReport(sent, tuple(failures))


def waiting_notices(database: Database) -> int:
    """How many notices wait to leave."""
    query = select(func.count()).select_from(notices).where(notices.c.state == NoticeState.WAITING.value)
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())


def send_again(desk: Desk, notice_id: str) -> None:
    """Puts a notice that nobody took back to the start of its tries."""
    with desk.database.write() as connection:
        notice_row(connection, notice_id)
        _set(connection, notice_id, NoticeState.DEAD, state=NoticeState.WAITING.value, attempts=0, next_try_us=now_us())


def _due(database: Database, *, all_waiting: bool) -> Sequence[str]:
    query = select(notices.c.notice_id).where(notices.c.state == NoticeState.WAITING.value).order_by(notices.c.made_us)
    if not all_waiting:
        query = query.where(notices.c.next_try_us <= now_us())
    with database.read() as connection:
        return connection.execute(query).scalars().all()


def _prepared(desk: Desk, notice_id: str, *, all_waiting: bool) -> NoticeMessage | None:
    """Claims a notice and writes what is known only now; None when another has it or nothing is left to tell."""
    now = now_us()
    with desk.database.write() as connection:
        row = connection.execute(select(notices).where(notices.c.notice_id == notice_id)).one()
        if row.state != NoticeState.WAITING.value or (row.next_try_us > now and not all_waiting):
            return None
        notice = notice_row(connection, notice_id)
        if notice.kind is NoticeKind.STATEMENT and _is_undone(connection, notice):
            _set(connection, notice_id, NoticeState.WAITING, state=NoticeState.WITHDRAWN.value, decided_us=now)
            desk.ledger.append(connection, "notice.withdrawn", SYSTEM, notice.case_id, {"notice": notice_id})
            return None
        until = now + desk.terms.appeal_window_us if notice.kind is NoticeKind.STATEMENT else None
        code = mint(connection, desk.keyring, notice_id, now) if until is not None else ""
        _set(
            connection,
            notice_id,
            NoticeState.WAITING,
            attempts=row.attempts + 1,
            next_try_us=now + _LEASE,
            appeal_until_us=until,
        )
        words = with_marks(words_in(connection, desk.keyring, notice_id), code, moment(until) if until else "")
    return NoticeMessage(
        type=_PRESENT_FORMAT,
        notice=notice_id,
        kind=notice.kind.value,
        made=format_rfc3339(notice.made_us),
        account=notice.account_id,
        recipient=words.recipient,
        language=notice.language,
        direction=words.direction,
        subject=words.subject,
        text=words.text,
        appeal_until=None if until is None else format_rfc3339(until),
    )


def _is_undone(connection: Connection, notice: Notice) -> bool:
    return notice.action_id is not None and action_row(connection, notice.action_id).reversed_us is not None


def _put_off(database: Database, notice_id: str, problem: str) -> None:
    with database.write() as connection:
        attempts = notice_row(connection, notice_id).attempts
        state = NoticeState.DEAD if attempts >= _MOST_ATTEMPTS else NoticeState.WAITING
        pause = min(_FIRST_PAUSE * 2 ** min(attempts, 20), _LONGEST_PAUSE)
        _set(
            connection,
            notice_id,
            NoticeState.WAITING,
            state=state.value,
            next_try_us=now_us() + pause,
            last_error=problem[:_LONGEST_ERROR],
        )


def _note_sent(desk: Desk, notice_id: str, carrier: str) -> None:
    with desk.database.write() as connection:
        changed = _set(
            connection, notice_id, NoticeState.WAITING, state=NoticeState.SENT.value, sent_us=now_us(), last_error=None
        )
        if changed:
            notice = notice_row(connection, notice_id)
            body = {"notice": notice_id, "kind": notice.kind.value, "carrier": carrier}
            desk.ledger.append(connection, "notice.sent", SYSTEM, notice.case_id, body)


def _set(connection: Connection, notice_id: str, from_state: NoticeState, **values: Any) -> int:
    mine = (notices.c.notice_id == notice_id, notices.c.state == from_state.value)
    return connection.execute(update(notices).where(*mine).values(**values)).rowcount
