"""`stormwatch case`: the queue and the review of cases, in the name of a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stormwatch.actions.execution import list_actions
from stormwatch.actions.proposal_queue import get_proposal
from stormwatch.cases import review
from stormwatch.cases.evidence_file import build_evidence_file
from stormwatch.cases.harden import harden as harden_case
from stormwatch.cases.queue import get_case, history_of, notes_of
from stormwatch.cases.requests import redacted_requests
from stormwatch.cases.routing import load_queues
from stormwatch.cases.tasks import tasks_of
from stormwatch.cli.attribution_sheet import analysis_payload, attribution_sheet
from stormwatch.cli.case_queue import queue
from stormwatch.cli.case_sheet import CaseRecord, case_sheet
from stormwatch.cli.case_summary import emit_state, summary_of
from stormwatch.cli.case_work import SeenOption, work
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit
from stormwatch.console.case_view import analysis_of
from stormwatch.console.people_names import names_of_people
from stormwatch.model.errors import NotFound

case = typer.Typer(help="Review cases.", no_args_is_help=True, rich_markup_mode=None)
case.add_typer(queue)
case.add_typer(work)

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")]


@case.command("show")
def show(
    ctx: typer.Context,
    case_id: CaseArgument,
    proposal: Annotated[
        str | None, typer.Option("--proposal", help="Only the accounts of this proposal, and the hash to approve.")
    ] = None,
    requests: Annotated[int, typer.Option(min=0, max=500, help="How many requests to list.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show the evidence file of a case; texts of requests stay closed."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    covered = None if proposal is None else get_proposal(runtime.database, proposal).account_ids
    file = build_evidence_file(runtime.lake, runtime.database, get_case(runtime.database, case_id), covered)
    cited = {event_id for piece in file.evidence for event_id in piece.event_ids}
    redacted = redacted_requests(runtime.lake, covered or file.case.account_ids, cited=cited, limit=requests)
    analysis = analysis_of(runtime, file)
    record = CaseRecord(
        requests=redacted,
        notes=notes_of(runtime.database, case_id),
        history=history_of(runtime.database, case_id),
        actions=list_actions(runtime.database, case_id=case_id),
        tasks=tasks_of(runtime.database, case_id),
        queue=load_queues(runtime.settings.case_queues).get(file.case.queue),
        analysis=analysis,
    )
    payload = msgspec.to_builtins(file) | {
        "case": summary_of(file.case),
        "evidence_hash": file.digest,
        "verified_researchers": list(file.verified_researchers),
        "unknown_to_registry": list(file.unknown_to_registry),
        "first_action": record.queue.first_action if record.queue else "",
        **{
            name: msgspec.to_builtins(getattr(record, name))
            for name in ("requests", "notes", "history", "actions", "tasks")
        },
    }
    payload["alias_conflicts"] = msgspec.to_builtins(analysis.alias_conflicts) if analysis else []
    payload["cautions"] = list(analysis.false_flag.cautions) if analysis else []
    emit(payload, case_sheet(file, record, names_of_people(runtime)), as_json=as_json)


@case.command("attribution")
def attribution(ctx: typer.Context, case_id: CaseArgument, as_json: JsonOption = False) -> None:
    """Show why one hypothesis comes first: evidence against each, what it hangs on, what may be planted."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    file = build_evidence_file(runtime.lake, runtime.database, get_case(runtime.database, case_id))
    analysis = analysis_of(runtime, file)
    if analysis is None:
        raise NotFound(
            "the last hunt left no grounds of an assessment of this case", where=case_id, remedy="run `stormwatch hunt`"
        )
    payload = {
        "case_id": case_id,
        "confidence": file.confidence,
        "calibrated_on": file.calibrated_on,
        **analysis_payload(analysis),
    }
    emit(payload, attribution_sheet(analysis, file.confidence, file.calibrated_on), as_json=as_json)


@case.command("note")
def note(
    ctx: typer.Context, case_id: CaseArgument, text: Annotated[str, typer.Argument()], as_json: JsonOption = False
) -> None:
    """Write a note on a case."""
    runtime = runtime_of(ctx)
    written = review.note(runtime.database, runtime.ledger, person_of(runtime), case_id, text)
    emit({"note_id": written.note_id}, f"Noted as {written.note_id}.", as_json=as_json)


@case.command("answer")
def answer(
    ctx: typer.Context,
    case_id: CaseArgument,
    alternative: Annotated[str, typer.Argument(help="The alternative's id, as `case show` lists it.")],
    text: Annotated[str, typer.Argument(help="Why this innocent explanation is set aside, or holds.")],
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer an innocent explanation; a proposal needs answers to all that the evidence file asks."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    review.answer_alternative(runtime.database, runtime.ledger, runtime.lake, by, case_id, alternative, text, seen=seen)
    file = build_evidence_file(runtime.lake, runtime.database, get_case(runtime.database, case_id))
    left = [each.alternative_id for each in file.unanswered]
    emit({"unanswered": left}, f"Answered; {len(left)} without an answer.", as_json=as_json)


@case.command("clear")
def clear(
    ctx: typer.Context,
    case_id: CaseArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why the accounts are innocent of it.")],
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clear a case: the same evidence will not reopen it."""
    runtime = runtime_of(ctx)
    review.clear(runtime.database, runtime.ledger, runtime.lake, person_of(runtime), case_id, reason, seen=seen)
    emit_state(runtime, case_id, as_json=as_json)


@case.command("close")
def close(
    ctx: typer.Context,
    case_id: CaseArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why nothing is left to do.")],
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a case that was acted on or cleared."""
    runtime = runtime_of(ctx)
    review.close(runtime.database, runtime.ledger, runtime.lake, person_of(runtime), case_id, reason, seen=seen)
    emit_state(runtime, case_id, as_json=as_json)


@case.command("harden")
def harden(
    ctx: typer.Context,
    case_id: CaseArgument,
    output: Annotated[Path, typer.Option(help="The folder for the draft; not one of the rules in force.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the texts are read; goes on the ledger.")],
    technique: Annotated[
        list[str] | None, typer.Option("--technique", help="A tag such as llm.07; default: what rules saw.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a draft rule with test events from what sets a case apart; before the case is closed."""
    runtime = runtime_of(ctx)
    report = harden_case(
        runtime.database,
        runtime.ledger,
        runtime.lake,
        runtime.keyring,
        person_of(runtime, confirmed=True),
        case_id,
        folder=output,
        reason=reason,
        techniques=tuple(technique or ()),
    )
    emit(
        msgspec.to_builtins(report, enc_hook=str),
        f"{report.rule}: {report.phrases} phrases, in {report.case_hits} of {report.case_requests} of the case's "
        f"requests and in {report.other_hits} of {report.other_requests} others. For a detection engineer to accept.",
        as_json=as_json,
    )
