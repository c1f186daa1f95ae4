"""The queue: cases by risk, filtered by state, assignee and words, in pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.cases.queue import list_cases
from stormwatch.console.paging import Key, page_of
from stormwatch.console.people_names import names_of_people
from stormwatch.console.rendering import page
from stormwatch.console.security import SignedIn
from stormwatch.model.case import Case, CaseState
from stormwatch.runtime import Runtime

router = APIRouter()

_WAITING: Final = (CaseState.OPEN, CaseState.IN_REVIEW, CaseState.PROPOSED)
_STATES: Final = {"waiting": _WAITING, "all": tuple(CaseState), **{state.value: (state,) for state in CaseState}}
_EXAMPLE: Final[Key] = (0.0, 0, "")


@dataclass(frozen=True, slots=True)
class QueueFilters:
    """What the address of the queue asks for."""

    state: str = "waiting"
    assignee: str = ""
    words: str = ""

    def admit(self, case: Case, person_id: str) -> bool:
        """Whether a case passes; `assignee` is empty (any), `me` or `nobody`."""
        owner = {"me": case.assignee == person_id, "nobody": case.assignee is None}.get(self.assignee, True)
        wanted = self.words.casefold().strip()
        texts = (case.case_id, case.title, case.cluster_id or "", *case.account_ids)
        return owner and (not wanted or any(wanted in text.casefold() for text in texts))


@router.get("/")
def queue_page(
    request: Request, session: SignedIn, state: str = "waiting", assignee: str = "", q: str = "", after: str = ""
) -> Response:
    """Cases that wait for people, highest risk first; the whole query is in the address."""
    runtime: Runtime = request.app.state.runtime
    filters = QueueFilters(state if state in _STATES else "waiting", assignee, q)
    found = [
        case
        for case in list_cases(runtime.database, _STATES[filters.state])
        if filters.admit(case, session.person.person_id)
    ]
    values = {
        "cases": page_of(found, _key, after=after, example=_EXAMPLE),
        "total": len(found),
        "names": names_of_people(runtime),
        "filters": {"state": filters.state, "assignee": assignee, "q": q, "after": after},
        "states": tuple(_STATES),
    }
    return page(request, session, "queue.html", values)


def _key(case: Case) -> Key:
    return (-case.risk, case.opened_us, case.case_id)
