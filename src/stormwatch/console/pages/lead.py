"""Leads: what partners told us, and what the search of all history answered."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stormwatch.cases.queue import cases_of_account
from stormwatch.console.account_list import standings
from stormwatch.console.paging import Key, page_of
from stormwatch.console.pivot_view import kind_of
from stormwatch.console.rendering import page
from stormwatch.console.security import SignedIn
from stormwatch.console.shared_lists import lists_of, shared_lists
from stormwatch.intel.lead_searches import found_of, latest_search
from stormwatch.intel.leads import get_lead, list_leads
from stormwatch.model.case import Case
from stormwatch.model.intel import Lead, LeadState, SourceKind
from stormwatch.runtime import Runtime

router = APIRouter()

_EXAMPLE: Final[Key] = (0, "")


@router.get("/leads")
def leads_page(
    request: Request, session: SignedIn, state: str = "", source_kind: str = "", q: str = "", after: str = ""
) -> Response:
    """All leads, the newest first."""
    runtime: Runtime = request.app.state.runtime
    wanted = q.casefold().strip()
    found = [
        lead
        for lead in list_leads(runtime.database)
        if state in ("", lead.state) and source_kind in ("", lead.source_kind) and _mentions(lead, wanted)
    ]
    values = {
        "leads": page_of(found, lambda lead: (-lead.received_us, lead.lead_id), after=after, example=_EXAMPLE),
        "total": len(found),
        "filters": {"state": state, "source_kind": source_kind, "q": q, "after": after},
        "states": tuple(LeadState),
        "source_kinds": tuple(SourceKind),
    }
    return page(request, session, "leads.html", values)


@router.get("/leads/{lead_id}")
def lead_page(request: Request, session: SignedIn, lead_id: str, after: str = "") -> Response:
    """One lead with its answer: which accounts showed what it names, and how each of them stands."""
    runtime: Runtime = request.app.state.runtime
    lead = get_lead(runtime.database, lead_id)
    answer = found_of(runtime.lake, runtime.database, lead_id)
    accounts = page_of(answer.accounts, lambda account: (account,), after=after, example=("",))
    shared = shared_lists(runtime.database)
    hits = {hit.observable: hit for hit in answer.by_observable}
    values = {
        "lead": lead,
        "answer": answer,
        "search": latest_search(runtime.database, lead_id),
        "accounts": accounts,
        "after": after,
        "standings": standings(runtime, accounts.rows),
        "cases": _cases(runtime, accounts.rows),
        "observables": [
            (one, kind_of(one.kind.value), hits.get(one), lists_of(shared, kind_of(one.kind.value), one.value))
            for one in lead.observables
        ],
    }
    return page(request, session, "lead.html", values)


def _mentions(lead: Lead, wanted: str) -> bool:
    texts = (lead.title, lead.source, lead.actor or "", lead.note, *(one.value for one in lead.observables))
    return not wanted or any(wanted in text.casefold() for text in texts)


def _cases(runtime: Runtime, account_ids: Collection[str]) -> dict[str, tuple[Case, ...]]:
    return {account_id: cases_of_account(runtime.database, account_id) for account_id in account_ids}
