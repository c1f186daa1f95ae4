"""Appeals as the database holds them: rows into values, and what people wrote sealed and opened."""

from __future__ import annotations

import base64
from typing import Final

import msgspec
from sqlalchemy import Connection, Row, Select, func, select

from stormwatch.model.errors import NotFound
from stormwatch.model.notice import Appeal, AppealState
from stormwatch.storage.database import Database
from stormwatch.storage.keyring import Keyring
from stormwatch.storage.tables.notices import appeals

_TEXT: Final = "appeal-text"
_REASON: Final = "appeal-reason"


class Reasons(msgspec.Struct, frozen=True):
    """Why a reviewer decided as they did, for the record; what of it the holder is told; the commitment's salt."""

    reason: str
    told: str = ""
    salt: str = ""


def get_appeal(database: Database, appeal_id: str) -> Appeal:
    """One appeal; NotFound when there is none of that id."""
    with database.read() as connection:
        return appeal_row(connection, appeal_id)


def appeal_row(connection: Connection, appeal_id: str) -> Appeal:
    """The same inside the caller's transaction."""
    found = read_appeals(connection, select(appeals).where(appeals.c.appeal_id == appeal_id))
    if not found:
        raise NotFound("there is no such appeal", where=appeal_id, remedy="see `stormwatch appeal list`")
    return found[0]


def list_appeals(database: Database, *, waiting_only: bool = True) -> tuple[Appeal, ...]:
    """Appeals, those whose answer is due first; by default those that wait for one."""
    query = select(appeals).order_by(appeals.c.due_us, appeals.c.appeal_id)
    if waiting_only:
        query = query.where(appeals.c.state.in_([AppealState.WAITING.value, AppealState.REVERSING.value]))
    with database.read() as connection:
        return read_appeals(connection, query)


def waiting_appeals(database: Database) -> int:
    """How many appeals wait for an answer."""
    query = select(func.count()).select_from(appeals).where(appeals.c.state == AppealState.WAITING.value)
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())


def read_appeals(connection: Connection, query: Select[tuple[object, ...]]) -> tuple[Appeal, ...]:
    """The appeals that a query over the table selects."""
    return tuple(_appeal(row) for row in connection.execute(query))


def seal_text(keyring: Keyring, appeal_id: str, text: str) -> str:
    """What an account holder wrote, encrypted for the database."""
    return base64.b64encode(keyring.encrypt(_TEXT, text.encode(), appeal_id.encode())).decode()


def open_text(connection: Connection, keyring: Keyring, appeal_id: str) -> str:
    """What an account holder wrote; it is hostile until shown as text alone."""
    sealed = connection.execute(select(appeals.c.sealed_text).where(appeals.c.appeal_id == appeal_id)).scalar_one()
    return keyring.decrypt(_TEXT, base64.b64decode(sealed), appeal_id.encode()).decode()


def seal_reasons(keyring: Keyring, appeal_id: str, reasons: Reasons) -> str:
    """A reviewer's reasons, encrypted for the database."""
    return base64.b64encode(keyring.encrypt(_REASON, msgspec.json.encode(reasons), appeal_id.encode())).decode()


def open_reasons(connection: Connection, keyring: Keyring, appeal_id: str) -> Reasons | None:
    """A reviewer's reasons; None before the decision."""
    sealed = connection.execute(select(appeals.c.sealed_reason).where(appeals.c.appeal_id == appeal_id)).scalar_one()
    if sealed is None:
        return None
    return msgspec.json.decode(keyring.decrypt(_REASON, base64.b64decode(sealed), appeal_id.encode()), type=Reasons)


def _appeal(row: Row[tuple[object, ...]]) -> Appeal:
    return Appeal(
        appeal_id=row.appeal_id,
        notice_id=row.notice_id,
        action_id=row.action_id,
        case_id=row.case_id,
        account_id=row.account_id,
        language=row.language,
        state=AppealState(row.state),
        commitment=row.commitment,
        received_us=row.received_us,
        due_us=row.due_us,
        decided_us=row.decided_us,
        decided_by=row.decided_by,
        settled_us=row.settled_us,
    )
