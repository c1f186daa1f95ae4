"""Notices as the database holds them: rows into values, words sealed and opened, new ones entered and recorded."""

from __future__ import annotations

import base64
import secrets
from typing import Final

import msgspec
from sqlalchemy import Connection, Row, Select, insert, select

from stormwatch.actions.notices.desk import Desk
from stormwatch.ledger.canonical import canonical_json
from stormwatch.ledger.entry import commitment_of
from stormwatch.model.errors import NotFound
from stormwatch.model.ids import new_id
from stormwatch.model.notice import Notice, NoticeKind, NoticeState, NoticeWords
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.notices import notices

_PURPOSE: Final = "notice-words"
_SALT_BYTES: Final = 32


def enter_notice(
    desk: Desk,
    connection: Connection,
    kind: NoticeKind,
    words: NoticeWords,
    *,
    by: str,
    case_id: str,
    language: str,
    now_us: int,
    account_id: str | None = None,
    action_id: str | None = None,
) -> Notice:
    """Keeps a new notice inside the caller's write transaction: a draft to third parties, else one that may leave.

    The ledger gets a commitment to the words, never the words.
    """
    notice_id, salt = new_id("notice"), secrets.token_hex(_SALT_BYTES)
    commitment = commitment_of(salt, notice_id, canonical_json([words.recipient, words.subject, words.text]))
    state = NoticeState.DRAFT if kind.to_third_party else NoticeState.WAITING
    connection.execute(
        insert(notices).values(
            notice_id=notice_id,
            kind=kind.value,
            state=state.value,
            case_id=case_id,
            action_id=action_id,
            account_id=account_id,
            language=language,
            sealed_words=_sealed(desk.keyring, notice_id, words),
            salt=salt,
            commitment=commitment,
            made_us=now_us,
            made_by=by,
            attempts=0,
            next_try_us=now_us,
        )
    )
    body = {"notice": notice_id, "kind": kind.value, "language": language, "commitment": commitment}
    if action_id is not None:
        body["action"] = action_id
    desk.ledger.append(connection, "notice.drafted" if kind.to_third_party else "notice.issued", by, case_id, body)
    return notice_row(connection, notice_id)


def get_notice(database: Database, notice_id: str) -> Notice:
    """One notice; NotFound when there is none of that id."""
    with database.read() as connection:
        return notice_row(connection, notice_id)


def notice_row(connection: Connection, notice_id: str) -> Notice:
    """The same inside the caller's transaction."""
    found = read_notices(connection, select(notices).where(notices.c.notice_id == notice_id))
    if not found:
        raise NotFound("there is no such notice", where=notice_id, remedy="see `stormwatch notice list`")
    return found[0]


def list_notices(
    database: Database, *, state: NoticeState | None = None, case_id: str | None = None, limit: int | None = None
) -> tuple[Notice, ...]:
    """Notices, newest first, in one state or of one case if asked."""
    query = select(notices).order_by(notices.c.made_us.desc(), notices.c.notice_id.desc()).limit(limit)
    if state is not None:
        query = query.where(notices.c.state == state.value)
    if case_id is not None:
        query = query.where(notices.c.case_id == case_id)
    with database.read() as connection:
        return read_notices(connection, query)


def read_notices(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Notice, ...]:
    """The notices that a query over the table selects."""
    return tuple(_notice(row) for row in connection.execute(query))


def words_in(connection: Connection, keyring: Keyring, notice_id: str) -> NoticeWords:
    """What a notice says, with marks where code and deadline will stand; IntegrityError when it was changed."""
    notice_row(connection, notice_id)  # says so when there is none
    sealed = connection.execute(select(notices.c.sealed_words).where(notices.c.notice_id == notice_id)).scalar_one()
    plain = keyring.decrypt(_PURPOSE, base64.b64decode(sealed), notice_id.encode())
    return msgspec.json.decode(plain, type=NoticeWords)


def _sealed(keyring: Keyring, notice_id: str, words: NoticeWords) -> str:
    return base64.b64encode(keyring.encrypt(_PURPOSE, msgspec.json.encode(words), notice_id.encode())).decode()


def _notice(row: Row[tuple[object, ...]]) -> Notice:
    return Notice(
        notice_id=row.notice_id,
        kind=NoticeKind(row.kind),
        state=NoticeState(row.state),
        case_id=row.case_id,
        account_id=row.account_id,
        action_id=row.action_id,
        language=row.language,
        commitment=row.commitment,
        made_us=row.made_us,
        made_by=row.made_by,
        decided_us=row.decided_us,
        decided_by=row.decided_by,
        attempts=row.attempts,
        last_error=row.last_error,
        sent_us=row.sent_us,
        appeal_until_us=row.appeal_until_us,
    )
