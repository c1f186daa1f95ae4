"""The audit page: the ledger, the newest entry first, narrowed by kind, subject and person; and its check."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.access.permission import require
from stormwatch.access.sessions import Session
from stormwatch.console.paging import PAGE_ROWS, Page, cut, decode_cursor
from stormwatch.console.people_names import names_of_people
from stormwatch.console.rendering import page
from stormwatch.console.security import PostedBy, SignedIn
from stormwatch.ledger.entry import LedgerEntry
from stormwatch.ledger.verification import VerifyReport
from stormwatch.model.principal import Role
from stormwatch.runtime import Runtime

router = APIRouter()

_READERS: Final = (Role.AUDITOR, Role.ADMINISTRATOR, Role.APPROVER)
_NO_END: Final = 2**62
# Kinds that are asked for most, by the question that they answer.
QUESTIONS: Final = {
    "text.revealed": "Who opened texts",
    "action.approved": "Who approved what",
    "action.proposed": "Who proposed what",
    "action.reversed": "What was undone",
    "role.changed": "Whose role changed",
    "rule.backtested": "Who tried rules on history",
    "case.moved": "How cases moved",
}


@router.get("/audit")
def audit_page(
    request: Request, session: SignedIn, kind: str = "", subject: str = "", by: str = "", after: str = ""
) -> Response:
    """A page of the ledger. Auditors, administrators and approvers alone."""
    return _show(request, session, {"kind": kind, "subject": subject, "by": by, "after": after}, None)


@router.post("/audit/verify")
def verify(request: Request, session: PostedBy) -> Response:
    """Recomputes the whole ledger and shows what is wrong with it."""
    require(session.principal, *_READERS)
    runtime: Runtime = request.app.state.runtime
    nothing = {"kind": "", "subject": "", "by": "", "after": ""}
    return _show(request, session, nothing, runtime.ledger.verify())


def _show(request: Request, session: Session, filters: dict[str, str], report: VerifyReport | None) -> Response:
    require(session.principal, *_READERS)
    runtime: Runtime = request.app.state.runtime
    names = names_of_people(runtime)
    values = {
        "entries": newest_entries(runtime, filters),
        "names": names,
        "filters": filters,
        "questions": QUESTIONS,
        "report": report,
    }
    return page(request, session, "audit.html", values)


def newest_entries(runtime: Runtime, filters: dict[str, str]) -> Page[LedgerEntry]:
    """A page of entries, the newest first; the ledger is read forward, of which no more than a page is kept."""
    before = int(decode_cursor(filters["after"], (0,))[0]) if filters["after"] else _NO_END
    found = runtime.ledger.entries(kind=filters["kind"] or None, subject=filters["subject"] or None)
    passed = (entry for entry in takewhile(lambda entry: entry.sequence < before, found) if _by(entry, filters["by"]))
    kept: Sequence[LedgerEntry] = tuple(deque(passed, maxlen=PAGE_ROWS + 1))[::-1]
    return cut(kept, lambda entry: (entry.sequence,))


def _by(entry: LedgerEntry, wanted: str) -> bool:
    return wanted in ("", entry.by)
