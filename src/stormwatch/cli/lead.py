"""`stormwatch lead`: a tip from outside by hand, what it found in all of history, and its answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from stormwatch.cli.context import TOKEN_VARIABLE, person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.intel.csv_import import observables_in_csv
from stormwatch.intel.files import read_bytes
from stormwatch.intel.kinds import parse_observable
from stormwatch.intel.lead_hits import LeadAnswer, lead_hits
from stormwatch.intel.leads import add_lead, get_lead, list_leads, new_lead_id
from stormwatch.ledger.log import SYSTEM
from stormwatch.model.errors import WrongUsage
from stormwatch.model.intel import PAP, TLP, AdmiraltyGrade, Lead, SourceKind
from stormwatch.model.observable import Observable
from stormwatch.model.times import DAY, format_rfc3339, now_us, optional_rfc3339, parse_rfc3339
from stormwatch.runtime import Runtime
from stormwatch.sharing.lead_answers import answer_lead

lead = typer.Typer(help="Leads: tips from outside.", no_args_is_help=True, rich_markup_mode=None)

LeadArgument = Annotated[str, typer.Argument(metavar="LEAD", help="The lead's id.")]


@lead.command("add")
def add(
    ctx: typer.Context,
    title: Annotated[str, typer.Option(help="What the lead is about, in a few words.")],
    source: Annotated[str, typer.Option(help="Who told you.")],
    source_kind: Annotated[SourceKind, typer.Option(help="What sort of party told you.")],
    indicator: Annotated[
        list[str] | None, typer.Option(metavar="KIND=VALUE", help="What to look for, such as domain=example.org.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="More to look for: a CSV table with kind and value.")] = None,
    grade: Annotated[str, typer.Option(help="Admiralty grade, A1 to F6.")] = "F6",
    tlp: Annotated[TLP, typer.Option(help="Who may be told.")] = TLP.AMBER,
    pap: Annotated[PAP, typer.Option(help="What may be done with it that the adversary could notice.")] = PAP.AMBER,
    permitted_use: Annotated[str, typer.Option(help="What the source allows, and your ground for looking.")] = "",
    expires: Annotated[str | None, typer.Option(help="RFC 3339 time, or a number of days such as 90d.")] = None,
    actor: Annotated[str | None, typer.Option(help="The actor, in the source's words.")] = None,
    note: Annotated[str, typer.Option(help="Anything else.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Take in a lead. The next hunt searches all of history for it, and later events are matched as they come."""
    runtime = runtime_of(ctx, create=True)
    received = now_us()
    made = Lead(
        lead_id=new_lead_id(),
        title=title,
        source=source,
        source_kind=source_kind,
        grade=_grade(grade),
        tlp=tlp,
        pap=pap,
        received_us=received,
        expires_us=_expiry(expires, received),
        permitted_use=permitted_use,
        actor=actor,
        observables=_observables(indicator or [], file),
        note=note,
    )
    added = add_lead(runtime.database, runtime.ledger, made, _who(runtime))
    prose = f"{added.lead_id}: {len(added.observables)} to look for. `stormwatch hunt` searches all of history."
    emit(_payload(added), prose, as_json=as_json)


@lead.command("list")
def show_all(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List leads, the newest first."""
    found = list_leads(runtime_of(ctx).database)
    lines = [
        f"{one.lead_id}  {one.state.value}  {one.grade}  TLP:{one.tlp.value.upper()}  {one.title}" for one in found
    ]
    emit({"leads": [_payload(one) for one in found]}, lines_of(lines) or "No leads.", as_json=as_json)


@lead.command("show")
def show(ctx: typer.Context, lead_id: LeadArgument, as_json: JsonOption = False) -> None:
    """Show a lead and what the last hunt found of it."""
    runtime = runtime_of(ctx)
    one = get_lead(runtime.database, lead_id)
    hits = lead_hits(runtime.lake, runtime.database, lead_id)
    emit({**_payload(one), "hits": _hits_payload(hits)}, _prose(one, hits), as_json=as_json)


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
    payload = {"lead_id": lead_id, "answer": reply.answer, "accounts": reply.accounts, "first_seen": first}
    since = f", {reply.accounts} accounts, first seen {first}" if first else ""
    emit(payload, f"{lead_id}: {reply.answer}{since}. The answer is on the ledger.", as_json=as_json)


def _who(runtime: Runtime) -> str:
    """The person whose token is at hand, else the system: a script of the home may take leads in."""
    if not os.environ.get(TOKEN_VARIABLE):
        return SYSTEM
    person = person_of(runtime).person
    return person.person_id if person else SYSTEM


def _grade(text: str) -> AdmiraltyGrade:
    try:
        return AdmiraltyGrade.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _expiry(text: str | None, received: int) -> int | None:
    if text is None:
        return None
    days = text.removesuffix("d")
    if text.endswith("d") and days.isascii() and days.isdigit() and len(days) <= 5:
        return received + int(days) * DAY
    try:
        return parse_rfc3339(f"{text}T00:00:00Z" if len(text) == len("2026-01-01") else text)
    except ValueError as error:
        raise typer.BadParameter(f"no time with an offset and no number of days: {text!r}") from error


def _observables(words: list[str], file: Path | None) -> tuple[Observable, ...]:
    found: list[Observable] = []
    for word in words:
        try:
            found.append(parse_observable(word))
        except ValueError as error:
            raise WrongUsage(str(error), where="--indicator", remedy="write for example domain=example.org") from error
    if file is not None:
        found += observables_in_csv(read_bytes(file), str(file))
    return tuple(dict.fromkeys(found))


def _payload(one: Lead) -> dict[str, object]:
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
        "received_time": format_rfc3339(one.received_us),
        "expires_time": optional_rfc3339(one.expires_us),
        "actor": one.actor,
        "note": one.note,
        "observables": [{"kind": each.kind.value, "value": each.value} for each in one.observables],
    }


def _hits_payload(hits: LeadAnswer) -> dict[str, object]:
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


def _prose(one: Lead, hits: LeadAnswer) -> str:
    lines = [
        f"{one.lead_id}  {one.title}  ({one.state.value})",
        f"From {one.source} ({one.source_kind.value}), grade {one.grade}, TLP:{one.tlp.value.upper()}, "
        f"PAP:{one.pap.value.upper()}",
    ]
    if one.actor:
        lines.append(f"Actor, as the source writes it: {one.actor}")
    if hits.first_us is None or hits.last_us is None:
        lines.append("Nothing of it was found." if one.state.value != "open" else "Not searched for yet.")
    else:
        lines.append(
            f"{len(hits.accounts)} accounts in {hits.events:,} events, since {format_rfc3339(hits.first_us)}, "
            f"last {format_rfc3339(hits.last_us)}"
        )
        lines += [f"  {account}" for account in hits.accounts[:20]]
        if len(hits.accounts) > 20:
            lines.append(f"  and {len(hits.accounts) - 20} more (--json lists all)")
    seen = {each.observable: each for each in hits.by_observable}
    for observable in one.observables:
        part = seen.get(observable)
        found = f"{len(part.accounts)} accounts, {part.events:,} events" if part else "not seen"
        lines.append(f"  {observable.kind.value} {observable.value}: {found}")
    return lines_of(lines)
