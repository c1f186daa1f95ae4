"""`stormwatch lead`: a tip from outside, its acceptance, the search of all history, and its answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from stormwatch.cli.context import TOKEN_VARIABLE, person_of, runtime_of
from stormwatch.cli.lead_options import LeadOptions
from stormwatch.cli.lead_sheet import hits_payload, lead_payload, lead_prose, search_lines, search_payload
from stormwatch.cli.output import JsonOption, emit, lines_of, progress_bars
from stormwatch.intel.lead_decisions import accept_lead, refuse_lead, withdraw_lead
from stormwatch.intel.lead_searches import LeadSearch, found_of, latest_search
from stormwatch.intel.leads import add_lead, get_lead, list_leads
from stormwatch.intel.shared_infrastructure import SharedInfrastructure
from stormwatch.ledger.log import SYSTEM
from stormwatch.model.intel import PAP, TLP, Lead, LeadState, SourceKind
from stormwatch.model.observable import Observable
from stormwatch.model.times import optional_rfc3339
from stormwatch.runtime import Runtime
from stormwatch.sharing.lead_answers import answer_lead

lead = typer.Typer(help="Leads: tips from outside.", no_args_is_help=True, rich_markup_mode=None)

LeadArgument = Annotated[str, typer.Argument(metavar="LEAD", help="The lead's id.")]
ReasonOption = Annotated[str, typer.Option(help="Why.")]


@lead.command("add")
def add(
    ctx: typer.Context,
    source_kind: Annotated[SourceKind, typer.Option(help="What sort of party told you.")],
    title: Annotated[str | None, typer.Option(help="What the lead is about, in a few words.")] = None,
    source: Annotated[str | None, typer.Option(help="Who told you.")] = None,
    indicator: Annotated[
        list[str] | None, typer.Option(metavar="KIND=VALUE", help="What to look for, such as domain=example.org.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="What to look for: a STIX bundle, MISP event or CSV table.")] = None,
    grade: Annotated[str | None, typer.Option(help="Admiralty grade, A1 to F6 (the default).")] = None,
    tlp: Annotated[TLP | None, typer.Option(help="Who may be told; default amber.")] = None,
    pap: Annotated[PAP | None, typer.Option(help="What may be done that the adversary could notice.")] = None,
    permitted_use: Annotated[str, typer.Option(help="What the source allows.")] = "",
    legal_basis: Annotated[str, typer.Option(help="What allows you to look for a person whom it names.")] = "",
    names_people: Annotated[bool, typer.Option("--names-people", help="It can single out a person.")] = False,
    hold: Annotated[bool, typer.Option("--hold", help="Let it wait for acceptance in any case.")] = False,
    expires: Annotated[str | None, typer.Option(help="RFC 3339 time, or a number of days such as 90d.")] = None,
    actor: Annotated[str | None, typer.Option(help="The actor, in the source's words.")] = None,
    note: Annotated[str, typer.Option(help="Anything else.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Take in a lead: all history is searched for it, and later events are matched as they come.

    One that can single out a person (an e-mail address, --names-people) waits until another person accepts it.
    """
    runtime = runtime_of(ctx, create=True)
    typed = LeadOptions(
        title,
        source,
        source_kind,
        tuple(indicator or ()),
        file,
        grade,
        tlp,
        pap,
        permitted_use,
        legal_basis,
        names_people,
        expires,
        actor,
        note,
    )
    by = _who(runtime)
    added = add_lead(runtime.database, runtime.ledger, typed.lead(), by, hold=hold)
    search = None if added.state is LeadState.PROPOSED else _search(runtime, added.lead_id, by)
    _emit_lead(runtime, added.lead_id, search, as_json=as_json)


@lead.command("accept")
def accept(ctx: typer.Context, lead_id: LeadArgument, as_json: JsonOption = False) -> None:
    """Accept a lead that waits, and search all history for it. Nobody accepts alone one that singles out a person."""
    runtime = runtime_of(ctx)
    person = person_of(runtime)
    accepted = accept_lead(runtime.database, runtime.ledger, person, lead_id)
    search = _search(runtime, lead_id, accepted.decided_by or SYSTEM)
    _emit_lead(runtime, lead_id, search, as_json=as_json)


@lead.command("refuse")
def refuse(ctx: typer.Context, lead_id: LeadArgument, reason: ReasonOption, as_json: JsonOption = False) -> None:
    """Refuse a lead that waits: it is never searched for."""
    runtime = runtime_of(ctx)
    one = refuse_lead(runtime.database, runtime.ledger, person_of(runtime), lead_id, reason)
    emit(lead_payload(one), f"{lead_id}: refused. It was not searched for.", as_json=as_json)


@lead.command("withdraw")
def withdraw(ctx: typer.Context, lead_id: LeadArgument, reason: ReasonOption, as_json: JsonOption = False) -> None:
    """End the watch for a lead, as when its source recalls it: the next hunt drops what it matched."""
    runtime = runtime_of(ctx)
    one = withdraw_lead(runtime.database, runtime.ledger, person_of(runtime), lead_id, reason)
    emit(lead_payload(one), f"{lead_id}: withdrawn. The next hunt drops what it matched.", as_json=as_json)


@lead.command("list")
def show_all(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List leads, the newest first."""
    found = list_leads(runtime_of(ctx).database)
    lines = [
        f"{one.lead_id}  {one.state.value}  {one.grade}  TLP:{one.tlp.value.upper()}  {one.title}" for one in found
    ]
    emit({"leads": [lead_payload(one) for one in found]}, lines_of(lines) or "No leads.", as_json=as_json)


@lead.command("show")
def show(ctx: typer.Context, lead_id: LeadArgument, as_json: JsonOption = False) -> None:
    """Show a lead, how far history was searched for it and what was found."""
    runtime = runtime_of(ctx)
    one, search = get_lead(runtime.database, lead_id), latest_search(runtime.database, lead_id)
    hits = found_of(runtime.lake, runtime.database, lead_id)
    shared = SharedInfrastructure.load(runtime.database)

    def lists(observable: Observable) -> Sequence[str]:
        return [match.reason for match in shared.matches(observable)]

    payload = {
        **lead_payload(one),
        "hits": hits_payload(hits),
        "search": search_payload(search),
        "shared_infrastructure": [
            {"kind": each.kind.value, "value": each.value, "list": match.name, "list_kind": match.kind.value}
            for each in one.observables
            for match in shared.matches(each)
        ],
    }
    emit(payload, lead_prose(one, hits, search, lists), as_json=as_json)


@lead.command("answer")
def answer(
    ctx: typer.Context,
    lead_id: LeadArgument,
    case: Annotated[str | None, typer.Option(help="The approved case that stands behind `found`.")] = None,
    not_found: Annotated[bool, typer.Option("--not-found", help="Answer that nothing can be confirmed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Answer a lead. `found` needs an approved case with evidence of its own; the answer goes on the ledger."""
    if (case is None) is not not_found:
        raise typer.BadParameter("give either --case CASE or --not-found")
    runtime = runtime_of(ctx)
    reply = answer_lead(runtime.database, runtime.ledger, runtime.lake, person_of(runtime), lead_id, case_id=case)
    first = optional_rfc3339(reply.first_us)
    period = (optional_rfc3339(reply.from_us), optional_rfc3339(reply.until_us))
    payload = {
        "lead_id": lead_id,
        "answer": reply.answer,
        "accounts": reply.accounts,
        "first_seen": first,
        "period_from_time": period[0],
        "period_until_time": period[1],
    }
    since = f", {reply.accounts} accounts, first seen {first}" if first else ""
    searched = f" Searched: {period[0]} to {period[1]}." if period[0] else ""
    emit(payload, f"{lead_id}: {reply.answer}{since}.{searched} The answer is on the ledger.", as_json=as_json)


def _search(runtime: Runtime, lead_id: str, by: str) -> LeadSearch:
    with progress_bars() as progress:
        return runtime.search_lead(lead_id, by=by, progress=progress)


def _emit_lead(runtime: Runtime, lead_id: str, search: LeadSearch | None, *, as_json: bool) -> None:
    one = get_lead(runtime.database, lead_id)
    payload = {**lead_payload(one), "search": search_payload(search)}
    emit(payload, lines_of(_outcome(one, search)), as_json=as_json)


def _outcome(one: Lead, search: LeadSearch | None) -> list[str]:
    if search is None:
        return [
            f"{one.lead_id}: {len(one.observables)} to look for. It waits, and nothing is searched before acceptance:",
            f"  another person runs `stormwatch lead accept {one.lead_id}`",
        ]
    hits = search.hits
    found = f"{len(hits.accounts)} accounts in {hits.events:,} events" if hits.accounts else "nothing found so far"
    return [
        f"{one.lead_id}: {len(one.observables)} to look for. {found[0].upper()}{found[1:]}; watched for from now on.",
        *search_lines(search),
    ]


def _who(runtime: Runtime) -> str:
    """The person whose token is at hand, else the system: a script of the home may take leads in."""
    if not os.environ.get(TOKEN_VARIABLE):
        return SYSTEM
    person = person_of(runtime).person
    return person.person_id if person else SYSTEM
