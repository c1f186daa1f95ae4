"""Actions into what their account holders are told: a statement of reasons for each, and word when it is lifted.

Derived from the actions themselves, so that none is forgotten whoever approved it and wherever.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, not_, or_, select

from stormwatch.access.acting import acting_person
from stormwatch.actions.execution import action_row
from stormwatch.actions.notices.desk import Desk
from stormwatch.actions.notices.languages import Language, best_language, language_of
from stormwatch.actions.notices.notice_file import enter_notice
from stormwatch.actions.notices.wording import CODE_MARK, DEADLINE_MARK, moment, printable, spoken, words_of
from stormwatch.cases.findings import rows_where
from stormwatch.ledger.log import SYSTEM
from stormwatch.model.case import Action, ActionKind
from stormwatch.model.errors import Conflict
from stormwatch.model.notice import AppealState, Notice, NoticeKind, NoticeState
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import DAY, now_us
from stormwatch.storage.tables.actions import actions
from stormwatch.storage.tables.notices import appeals, notices

# Watching restricts nobody, and telling of it would end it.
_UNTOLD: Final = frozenset({ActionKind.WATCH})
_LANGUAGE_FIELDS: Final = ("language", "locale")


def issue_due(desk: Desk) -> tuple[Notice, ...]:
    """Writes every statement of reasons and every word of reinstatement that is owed; safe to call at any time."""
    with desk.database.read() as connection:
        restricted, lifted = _owed(connection, _restricting()), _owed(connection, _lifted())
    languages = _languages(desk, {action.account_id for action in (*restricted, *lifted)})
    made = []
    for action in (*restricted, *lifted):
        kind = NoticeKind.REINSTATEMENT if action in lifted else NoticeKind.STATEMENT
        with desk.database.write() as connection:
            rule = _lifted() if kind is NoticeKind.REINSTATEMENT else _restricting()
            if _owed(connection, and_(rule, actions.c.action_id == action.action_id)):  # nobody was faster
                told_in = _last_language(connection, action.action_id)
                language = best_language(told_in or languages.get(action.account_id))
                made.append(tell_of_action(desk, connection, kind, action.action_id, language, by=SYSTEM))
    return tuple(made)


def issue_again(desk: Desk, by: Principal, action_id: str, language: str) -> Notice:
    """Another statement of reasons on an action in effect, in a language that was asked for; its code is a fresh one.

    Analysts and approvers ask for it. Codes of earlier ones hold as well; an action can be appealed against once.
    """
    chosen = language_of(language)
    with desk.database.write() as connection:
        person = acting_person(connection, by, Role.ANALYST, Role.APPROVER)
        action = action_row(connection, action_id)
        if action.reversed_us is not None or action.kind in _UNTOLD:
            raise Conflict("on this action there is nothing to tell", where=action_id)
        if connection.execute(select(appeals.c.appeal_id).where(appeals.c.action_id == action_id)).first():
            raise Conflict("the holder has appealed already", where=action_id, remedy="see `stormwatch appeal list`")
        return tell_of_action(desk, connection, NoticeKind.STATEMENT, action_id, chosen, by=person.person_id)


def tell_of_action(
    desk: Desk,
    connection: Connection,
    kind: NoticeKind,
    action_id: str,
    language: Language,
    *,
    by: str,
    more: Mapping[str, Mapping[str, str]] | None = None,
) -> Notice:
    """Writes one notice about an action to the holder of its account, inside the caller's write transaction.

    `more` are further values of the template, by language.
    """
    row = connection.execute(select(actions).where(actions.c.action_id == action_id)).one()
    values = {each.code: {**_values(desk, row, each), **(more or {}).get(each.code, {})} for each in spoken(language)}
    return enter_notice(
        desk,
        connection,
        kind,
        words_of(kind, language, row.account_id, values),
        by=by,
        case_id=row.case_id,
        language=language.code,
        now_us=now_us(),
        account_id=row.account_id,
        action_id=action_id,
    )


def _values(desk: Desk, row: Row[tuple[object, ...]], language: Language) -> dict[str, str]:
    account = printable(row.account_id)
    ends = language.endless if row.until_us is None else language.ends.replace("$until", moment(row.until_us))
    return {
        "provider": printable(desk.terms.provider),
        "account": account,
        "action": language.actions[row.kind].replace("$account", account),
        "since": moment(row.effective_us),
        "duration": ends,
        "reason": language.reason(row.reason_code),
        "terms": printable(desk.terms.terms_of_use),
        "appeal_url": printable(desk.terms.appeal_url),
        "review_days": str(desk.terms.review_us // DAY),
        "code": CODE_MARK,
        "deadline": DEADLINE_MARK,
    }


def _owed(connection: Connection, rule: ColumnElement[bool]) -> Sequence[Action]:
    ids = connection.execute(select(actions.c.action_id).where(rule).order_by(actions.c.approved_us)).scalars().all()
    return [action_row(connection, action_id) for action_id in ids]


def _restricting() -> ColumnElement[bool]:
    """Actions in effect whose account holder was told nothing."""
    return and_(
        actions.c.effective_us.is_not(None),  # an embargo tells nobody before it ends
        actions.c.reversed_us.is_(None),
        actions.c.ended_us.is_(None),
        or_(actions.c.until_us.is_(None), actions.c.until_us > now_us()),
        actions.c.kind.not_in([kind.value for kind in _UNTOLD]),
        not_(_told(NoticeKind.STATEMENT)),
    )


def _lifted() -> ColumnElement[bool]:
    """Actions undone without an appeal, whose account holder was told of the action alone."""
    return and_(
        actions.c.reversed_us.is_not(None),
        _told(NoticeKind.STATEMENT, NoticeState.SENT),
        not_(_told(NoticeKind.REINSTATEMENT)),
        not_(exists().where(appeals.c.action_id == actions.c.action_id, appeals.c.state != AppealState.UPHELD.value)),
    )


def _told(kind: NoticeKind, state: NoticeState | None = None) -> ColumnElement[bool]:
    about = and_(notices.c.action_id == actions.c.action_id, notices.c.kind == kind.value)
    return exists().where(about if state is None else and_(about, notices.c.state == state.value))


def _last_language(connection: Connection, action_id: str) -> str | None:
    query = select(notices.c.language).where(notices.c.action_id == action_id).order_by(notices.c.made_us.desc())
    return connection.execute(query.limit(1)).scalar_one_or_none()


def _languages(desk: Desk, account_ids: Collection[str]) -> Mapping[str, str]:
    """The language that the operator states in an account's record, as attribute `language` or `locale`."""
    found = {}
    for row in rows_where(desk.lake, "account_records", "account_id", account_ids, ("account_id", "attributes")):
        stated: Any = json.loads(row["attributes"]) if row["attributes"] else {}
        value = next((stated[name] for name in _LANGUAGE_FIELDS if isinstance(stated.get(name), str)), None)
        if value:
            found[row["account_id"]] = value
    return found
