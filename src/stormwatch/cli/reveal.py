"""`stormwatch reveal`: opens what was said in some requests of a case, with a reason, on the record."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from stormwatch.cases.reveal import RevealedRequest
from stormwatch.cases.reveal import reveal as open_texts
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, one_line
from stormwatch.model.times import format_rfc3339


def reveal(
    ctx: typer.Context,
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="A case that is not closed.")],
    event: Annotated[list[str], typer.Option("--event", help="A request of the case's accounts; up to 20.")],
    reason: Annotated[str, typer.Option("--reason", help="Why the text has to be read; goes on the ledger.")],
    as_json: JsonOption = False,
) -> None:
    """Open texts of a case as analyst or approver."""
    runtime = runtime_of(ctx)
    by = person_of(runtime, confirmed=True)
    transcript = open_texts(runtime.database, runtime.ledger, runtime.lake, runtime.keyring, by, case_id, event, reason)
    prose = "\n\n".join(_prose(request) for request in transcript.requests)
    emit(
        msgspec.to_builtins(transcript),
        f"{prose}\n\nOn the ledger as entry {transcript.ledger_sequence}.",
        as_json=as_json,
    )


def _prose(request: RevealedRequest) -> str:
    head = f"{request.event_id}  {request.account_id}  {format_rfc3339(request.time_us)}"
    if request.text is None:
        return f"{head}\n  its text is no longer stored"
    turns = [*request.text.input, *request.text.output]
    said = [f"  {one_line(turn.role)}: {_indented(turn.content)}" for turn in turns]
    calls = [f"  tool {one_line(call.name)}: {_indented(call.arguments)}" for call in request.text.tool_calls]
    return "\n".join([one_line(head), *said, *calls])


def _indented(text: str) -> str:
    # Text of others stays inside its block, so that it cannot pass for a line of ours.
    return text.replace("\n", "\n    ")
