"""Notices: what was told to whom, and drafts to third parties that wait for an approver who did not write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from stormwatch.access.sessions import Session
from stormwatch.actions.notices import drafting
from stormwatch.actions.notices.languages import load_languages
from stormwatch.actions.notices.notice_file import get_notice, list_notices, words_in
from stormwatch.actions.notices.wording import with_marks
from stormwatch.console.entering import root_of, runtime_of
from stormwatch.console.pages.appeal import tell_holders
from stormwatch.console.people_names import names_of_people
from stormwatch.console.rendering import page, status_of
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.model.errors import StormwatchError
from stormwatch.model.notice import NoticeKind, NoticeState, NoticeWords
from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime

router = APIRouter()

Text = Annotated[str, Form()]
_READERS: Final = (Role.ANALYST, Role.APPROVER)
_SHOWN: Final = 200
_DONE: Final = {
    "drafted": "Drafted. An approver who did not write it lets it leave.",
    "approved": "The notice leaves.",
    "withdrawn": "Taken back.",
}


@router.get("/notices")
def notices_page(request: Request, session: SignedIn, id: str = "", done: str = "") -> Response:  # noqa: A002
    """Notices, the newest first, and one of them with its words, for those who work on cases."""
    return _show(request, session, id, done=_DONE.get(done, ""))


@router.post("/notices/draft")
def draft(
    request: Request,
    session: PostedBy,
    case_id: Text,
    kind: Annotated[NoticeKind, Form()],
    to: Text = "",
    account: Text = "",
    language: Text = "en",
    detail: Text = "",
    about: Text = "",
) -> Response:
    """Keeps a draft; `about` holds one thing a line."""
    desk = runtime_of(request).desk

    def deed() -> None:
        drafting.draft(
            desk,
            session.principal,
            case_id.strip(),
            kind,
            recipient=to,
            account_id=account.strip() or None,
            language=language,
            detail=detail,
            about=[line.strip() for line in about.splitlines() if line.strip()],
        )

    return _act(request, session, "", "drafted", deed)


@router.post("/notices/approve")
def approve(request: Request, session: PostedBy, id: Text, commitment: Text) -> Response:  # noqa: A002
    """Lets a draft leave, with the words that this page showed."""
    runtime = runtime_of(request)

    def deed() -> None:
        drafting.approve_draft(runtime.desk, session.principal, id, commitment)
        tell_holders(runtime)

    return _act(request, session, id, "approved", deed)


@router.post("/notices/withdraw")
def withdraw(request: Request, session: PostedBy, id: Text, reason: Text = "") -> Response:  # noqa: A002
    """Takes a draft back."""
    desk = runtime_of(request).desk
    return _act(request, session, id, "withdrawn", lambda: drafting.withdraw_draft(desk, session.principal, id, reason))


def _act(request: Request, session: Session, notice_id: str, done: str, deed: Callable[[], object]) -> Response:
    try:
        deed()
    except StormwatchError as error:
        return _show(request, session, notice_id, alert=error)
    return RedirectResponse(f"{root_of(request)}/notices?done={done}", 303)


def _show(
    request: Request, session: Session, notice_id: str, *, done: str = "", alert: StormwatchError | None = None
) -> Response:
    runtime = runtime_of(request)
    drafts = list_notices(runtime.database, state=NoticeState.DRAFT)
    others = [each for each in list_notices(runtime.database, limit=_SHOWN) if each.state is not NoticeState.DRAFT]
    values = {
        "notices": (*drafts, *others),
        "kinds": [kind for kind in NoticeKind if kind.to_third_party],
        "languages": load_languages().values(),
        "names": names_of_people(runtime),
        "notice": get_notice(runtime.database, notice_id) if notice_id else None,
        "words": _words(runtime, session, notice_id),
        "done": done,
        "alert": alert,
    }
    return page(request, session, "notices.html", values, status=status_of(alert) if alert else 200)


def _words(runtime: Runtime, session: Session, notice_id: str) -> NoticeWords | None:
    if not notice_id or session.person.role not in _READERS:
        return None
    with runtime.database.read() as connection:
        return with_marks(words_in(connection, runtime.keyring, notice_id), "[one-time code]", "[deadline]")
