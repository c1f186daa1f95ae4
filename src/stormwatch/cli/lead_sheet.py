"""A lead and what was found of it, as prose and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stormwatch.cli.output import lines_of
from stormwatch.intel.lead_hits import LeadAnswer
from stormwatch.intel.lead_searches import LeadSearch
from stormwatch.model.intel import Lead, LeadState
from stormwatch.model.observable import Observable
from stormwatch.model.times import format_rfc3339, optional_rfc3339

ListsOf = Callable[[Observable], Sequence[str]]
_ACCOUNTS_SHOWN = 20
_WAITS = "Waits for acceptance by another analyst or approver; nothing is searched before."


def lead_payload(one: Lead) -> dict[str, object]:
    """The lead as JSON."""
    return {
        "lead_id": one.lead_id,
        "title": one.title,
        "state": one.state.value,
        "source": one.source,
        "source_kind": one.source_kind.value,
        "grade": str(one.grade),
        "tlp": one.tlp.value,
        "pap": one.pap.value,
        "permitted_use": one.permitted_use,
        "about_people": one.about_people,
        "legal_basis": one.legal_basis,
        "received_time": format_rfc3339(one.received_us),
        "expires_time": optional_rfc3339(one.expires_us),
        "added_by": one.added_by,
        "decided_by": one.decided_by,
        "decided_time": optional_rfc3339(one.decided_us),
        "decision_note": one.decision_note,
        "actor": one.actor,
        "note": one.note,
        "observables": [{"kind": each.kind.value, "value": each.value} for each in one.observables],
    }


def search_payload(search: LeadSearch | None) -> dict[str, object] | None:
    """The record of a search as JSON; it names accounts and is for inside."""
    if search is None:
        return None
    return {
        "search_id": search.search_id,
        "answer": "found" if search.findings else "not-found",
        "searched_time": format_rfc3339(search.searched_us),
        "watched_until_time": format_rfc3339(search.watched_until_us),
        "events_searched": search.coverage.events,
        "events_without_artefacts": search.coverage.without_artefacts,
        "period_from_time": optional_rfc3339(search.coverage.from_us),
        "period_until_time": optional_rfc3339(search.coverage.until_us),
        "findings": [
            {
                "account_id": one.account_id,
                "kind": one.observable.kind.value,
                "value": one.observable.value,
                "events": one.events,
                "first_time": format_rfc3339(one.first_us),
                "last_time": format_rfc3339(one.last_us),
                "event_ids": list(one.event_ids),
            }
            for one in search.findings
        ],
    }


def hits_payload(hits: LeadAnswer) -> dict[str, object]:
    """What was found by account and by observable, as JSON."""
    return {
        "accounts": list(hits.accounts),
        "events": hits.events,
        "first_time": optional_rfc3339(hits.first_us),
        "last_time": optional_rfc3339(hits.last_us),
        "by_observable": [
            {
                "kind": each.observable.kind.value,
                "value": each.observable.value,
                "accounts": len(each.accounts),
                "events": each.events,
            }
            for each in hits.by_observable
        ],
    }


def lead_prose(one: Lead, hits: LeadAnswer, search: LeadSearch | None, lists: ListsOf) -> str:
    """The lead for a person to read."""
    lines = [
        f"{one.lead_id}  {one.title}  ({one.state.value})",
        f"From {one.source} ({one.source_kind.value}), grade {one.grade}, TLP:{one.tlp.value.upper()}, "
        f"PAP:{one.pap.value.upper()}",
    ]
    if one.actor:
        lines.append(f"Actor, as the source writes it: {one.actor}")
    if one.about_people:
        lines.append(f"Can single out a person; legal basis: {one.legal_basis}")
    if one.decision_note:
        lines.append(f"{one.state.value}: {one.decision_note}")
    lines += _found(one, hits, searched=search is not None)
    lines += [] if search is None else search_lines(search)
    seen = {each.observable: each for each in hits.by_observable}
    for observable in one.observables:
        part = seen.get(observable)
        found = f"{len(part.accounts)} accounts, {part.events:,} events" if part else "not seen"
        lines.append(f"  {observable.kind.value} {observable.value}: {found}")
        lines += [f"    weighs less: on the list {reason}" for reason in lists(observable)]
    return lines_of(lines)


def search_lines(search: LeadSearch) -> list[str]:
    """How far a search went, and what becomes of its answer."""
    coverage = search.coverage
    if coverage.from_us is None or coverage.until_us is None:
        return ["There are no events yet to search."]
    lines = [
        f"Searched {coverage.events:,} events from {format_rfc3339(coverage.from_us)} to "
        f"{format_rfc3339(coverage.until_us)}, last at {format_rfc3339(search.watched_until_us)}."
    ]
    if coverage.without_artefacts:
        lines.append(f"The texts of {coverage.without_artefacts:,} of them are gone through at the next hunt.")
    if search.findings:
        lines.append("The answer is held back until two people decided on a case with conduct of its own.")
    return lines


def _found(one: Lead, hits: LeadAnswer, *, searched: bool) -> list[str]:
    if one.state is LeadState.PROPOSED:
        return [_WAITS]
    if hits.first_us is None or hits.last_us is None:
        never = one.state is LeadState.OPEN and not searched
        return ["Not searched for yet." if never else "Nothing of it was found."]
    lines = [
        f"{len(hits.accounts)} accounts in {hits.events:,} events, since {format_rfc3339(hits.first_us)}, "
        f"last {format_rfc3339(hits.last_us)}"
    ]
    lines += [f"  {account}" for account in hits.accounts[:_ACCOUNTS_SHOWN]]
    if len(hits.accounts) > _ACCOUNTS_SHOWN:
        lines.append(f"  and {len(hits.accounts) - _ACCOUNTS_SHOWN} more (--json lists all)")
    return lines
