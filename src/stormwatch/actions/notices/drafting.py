"""Notices to third parties: an analyst drafts one from a template, an approver who did not draft it lets it leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select, update

from stormwatch.access.acting import acting_person
from stormwatch.actions.notices.desk import Desk
from stormwatch.actions.notices.discretion import require_discreet
from stormwatch.actions.notices.languages import Language, best_language, language_of
from stormwatch.actions.notices.notice_file import enter_notice, notice_row
from stormwatch.actions.notices.owners_first import is_victims, notice_to_owner
from stormwatch.actions.notices.wording import printable, spoken, words_of
from stormwatch.cases.queue import case_row, list_cases
from stormwatch.cases.said import said
from stormwatch.ledger.log import SYSTEM
from stormwatch.model.case import Case, CaseState
from stormwatch.model.errors import Conflict, Forbidden, InvalidInput
from stormwatch.model.notice import Notice, NoticeKind, NoticeState
from stormwatch.model.principal import Principal, Role
from stormwatch.model.times import now_us
from stormwatch.storage.tables.notices import notices

_UNDER_REVIEW: Final = (CaseState.OPEN, CaseState.IN_REVIEW, CaseState.PROPOSED)


def draft(
    desk: Desk,
    by: Principal,
    case_id: str,
    kind: NoticeKind,
    *,
    recipient: str = "",
    account_id: str | None = None,
    language: str = "en",
    detail: str = "",
    about: Sequence[str] = (),
) -> Notice:
    """A draft to a key's owner (of an account of the case), to somebody whom a campaign meant to deceive, or to a host.

    `detail` is the analyst's own sentence in it; `about` what lies with a host, defanged in the notice. InvalidInput
    for what is missing, and for words that would tell of an actor or of an indicator that others shared.
    """
    if not kind.to_third_party:
        raise InvalidInput(f"nobody drafts a {kind.value}", remedy="these are written by the software alone")
    chosen = language_of(language)
    with desk.database.write() as connection:
        person = acting_person(connection, by, Role.ANALYST)
        case = case_row(connection, case_id)
        whom = _recipient(case, kind, recipient, account_id)
        if kind is NoticeKind.HOST and not about:
            raise InvalidInput("a host must be told what it is about", remedy="name an address or a domain of theirs")
        require_discreet(desk, connection, " ".join((whom, detail, *about)))
        return _enter(desk, connection, kind, case, whom, chosen, person.person_id, account_id, detail, about)


def draft_to_owners(desk: Desk) -> tuple[Notice, ...]:
    """Drafts to the owners of accounts in cases that are likeliest those of victims; safe to call at any time."""
    cases = [case for case in list_cases(desk.database, _UNDER_REVIEW) if is_victims(desk.lake, case)]
    made = []
    for case in cases:
        for account_id in case.account_ids:
            with desk.database.write() as connection:
                if not connection.execute(select(notice_to_owner(case.case_id, account_id))).scalar_one():
                    english = best_language(None)
                    kind = NoticeKind.KEY_OWNER
                    made.append(_enter(desk, connection, kind, case, account_id, english, SYSTEM, account_id, "", ()))
    return tuple(made)


def approve_draft(desk: Desk, by: Principal, notice_id: str, commitment: str | None = None) -> Notice:
    """Lets a draft leave, as an approver who did not write it; `commitment` is that of the words that were shown."""
    with desk.database.write() as connection:
        person = acting_person(connection, by, Role.APPROVER)
        notice = _still(connection, notice_id, NoticeState.DRAFT)
        if notice.made_by == person.person_id:
            raise Forbidden("nobody approves what they drafted", where=notice_id, remedy="another approver has to")
        if commitment is not None and commitment != notice.commitment:
            raise Conflict("the draft says something else than you were shown", where=notice_id)
        _decide(connection, notice_id, NoticeState.WAITING, person.person_id)
        body = {"notice": notice_id, "commitment": notice.commitment}
        desk.ledger.append(connection, "notice.approved", person.person_id, notice.case_id, body)
        return notice_row(connection, notice_id)


def withdraw_draft(desk: Desk, by: Principal, notice_id: str, reason: str) -> Notice:
    """Takes a draft back for good, as an analyst or approver."""
    stated = said(reason, "taking a notice back needs a reason")
    with desk.database.write() as connection:
        person = acting_person(connection, by, Role.ANALYST, Role.APPROVER)
        notice = _still(connection, notice_id, NoticeState.DRAFT)
        _decide(connection, notice_id, NoticeState.WITHDRAWN, person.person_id)
        body = {"notice": notice_id, "reason": stated}
        desk.ledger.append(connection, "notice.withdrawn", person.person_id, notice.case_id, body)
        return notice_row(connection, notice_id)


def _recipient(case: Case, kind: NoticeKind, recipient: str, account_id: str | None) -> str:
    if kind is NoticeKind.KEY_OWNER:
        if account_id not in case.account_ids:
            raise InvalidInput("a key's owner is told of an account of the case", remedy="name it with --account")
        return recipient or account_id
    return said(recipient, "a notice needs somebody to go to")


def _enter(
    desk: Desk,
    connection: Connection,
    kind: NoticeKind,
    case: Case,
    recipient: str,
    language: Language,
    by: str,
    account_id: str | None,
    detail: str,
    about: Sequence[str],
) -> Notice:
    values = {
        "provider": printable(desk.terms.provider),
        "account": printable(account_id or ""),
        "recipient": printable(recipient),
        "detail": printable(detail, lines=True),
        "about": "\n".join(f"- {_defanged(printable(each))}" for each in about),
        "reference": case.case_id,
    }
    words = words_of(kind, language, recipient, {each.code: values for each in spoken(language)})
    return enter_notice(
        desk,
        connection,
        kind,
        words,
        by=by,
        case_id=case.case_id,
        language=language.code,
        now_us=now_us(),
        account_id=account_id,
    )


def _defanged(value: str) -> str:
    return value.replace("http", "hxxp").replace(".", "[.]")


def _still(connection: Connection, notice_id: str, state: NoticeState) -> Notice:
    notice = notice_row(connection, notice_id)
    if notice.state is not state:
        raise Conflict(f"the notice is {notice.state.value}, not {state.value}", where=notice_id)
    return notice


def _decide(connection: Connection, notice_id: str, to: NoticeState, by: str) -> None:
    connection.execute(
        update(notices)
        .where(notices.c.notice_id == notice_id)
        .values(state=to.value, decided_by=by, decided_us=now_us(), next_try_us=now_us())
    )
