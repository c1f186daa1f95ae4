"""`stormwatch case ...`: who holds a case and until when, its queue, tasks, merge and split, and cases like it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from stormwatch.cases import joining, placing, review, tasks
from stormwatch.cases.reveals import reveals_of
from stormwatch.cases.routing import load_queues, queue_named
from stormwatch.cases.tasks import Task, TaskOutcome
from stormwatch.cli.case_summary import emit_state, summary_of
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.cli.people_named import person_named
from stormwatch.cli.times import moment
from stormwatch.console import wording
from stormwatch.console.people_names import names_of_people
from stormwatch.console.similar_cases import similar_cases
from stormwatch.model.errors import WrongUsage

work = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
task = typer.Typer(help="What is still to be done on a case.", no_args_is_help=True, rich_markup_mode=None)
work.add_typer(task, name="task")

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; goes on the ledger.")]
SeenOption = Annotated[
    int | None, typer.Option("--seen", help="The version of the case you looked at; refused if it changed since.")
]


@work.command("claim")
def claim(
    ctx: typer.Context,
    case_id: CaseArgument,
    take_over: Annotated[bool, typer.Option("--take-over", help="Also from somebody who holds it.")] = False,
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a case into review."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    review.claim(runtime.database, runtime.ledger, by, case_id, take_over=take_over, seen=seen)
    emit_state(runtime, case_id, as_json=as_json)


@work.command("release")
def release(
    ctx: typer.Context,
    case_id: CaseArgument,
    reason: ReasonOption,
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a case that you hold back to its queue."""
    runtime = runtime_of(ctx)
    review.release(runtime.database, runtime.ledger, person_of(runtime), case_id, reason, seen=seen)
    emit_state(runtime, case_id, as_json=as_json)


@work.command("reopen")
def reopen(
    ctx: typer.Context,
    case_id: CaseArgument,
    reason: ReasonOption,
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a cleared or closed case again."""
    runtime = runtime_of(ctx)
    review.reopen(runtime.database, runtime.ledger, person_of(runtime), case_id, reason, seen=seen)
    emit_state(runtime, case_id, as_json=as_json)


@work.command("route")
def route(
    ctx: typer.Context,
    case_id: CaseArgument,
    queue: Annotated[str, typer.Argument(help="A queue, as `case queues` lists them.")],
    reason: ReasonOption,
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a case into another queue, where later hunts leave it."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    to = queue_named(load_queues(runtime.settings.case_queues), queue)
    placing.route(runtime.database, runtime.ledger, by, case_id, to, reason, seen=seen)
    emit_state(runtime, case_id, as_json=as_json)


@work.command("due")
def due(
    ctx: typer.Context,
    case_id: CaseArgument,
    until: Annotated[str, typer.Argument(help="By when the case must leave its state.")],
    reason: ReasonOption,
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say by when a case is due."""
    runtime = runtime_of(ctx)
    by, due_us = person_of(runtime), moment(until, "UNTIL")
    if due_us is None:
        raise WrongUsage("a due time must be told", where="UNTIL")
    placing.set_due(runtime.database, runtime.ledger, by, case_id, due_us, reason, seen=seen)
    emit_state(runtime, case_id, as_json=as_json)


@work.command("merge")
def merge(
    ctx: typer.Context,
    case_id: CaseArgument,
    into: Annotated[str, typer.Option("--into", help="The case that takes the accounts.")],
    reason: ReasonOption,
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Merge a case into another; a waiting proposal on either is void, answers are asked for anew."""
    runtime = runtime_of(ctx)
    kept = joining.merge(runtime.database, runtime.ledger, person_of(runtime), case_id, into, reason, seen=seen)
    emit(summary_of(kept), f"{case_id} is merged into {kept.case_id}.", as_json=as_json)


@work.command("split")
def split(
    ctx: typer.Context,
    case_id: CaseArgument,
    account: Annotated[list[str], typer.Option("--account", help="An account of the new case; may be repeated.")],
    reason: ReasonOption,
    seen: SeenOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take accounts of a case into a case of their own; a waiting proposal is void, answers are asked for anew."""
    runtime = runtime_of(ctx)
    new = joining.split(runtime.database, runtime.ledger, person_of(runtime), case_id, account, reason, seen=seen)
    emit(summary_of(new), f"{new.case_id} holds them now.", as_json=as_json)


@work.command("similar")
def similar(ctx: typer.Context, case_id: CaseArgument, as_json: JsonOption = False) -> None:
    """List cases whose accounts show the same rare identifiers and artefacts."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    found = similar_cases(runtime, case_id)
    lines = [
        f"{each.case.case_id}  {each.case.state.value:9}  {each.case.title}: "
        + ", ".join(f"{one.kind} {one.value}" for one in each.shared)
        for each in found
    ]
    payload = [{**summary_of(each.case), "shared": msgspec.to_builtins(each.shared)} for each in found]
    emit({"cases": payload}, lines_of(lines) or "No other case shares anything rare with it.", as_json=as_json)


@work.command("opened")
def opened(ctx: typer.Context, case_id: CaseArgument, as_json: JsonOption = False) -> None:
    """List who opened which texts of a case, when and why."""
    runtime = runtime_of(ctx)
    found = reveals_of(runtime.database, runtime.ledger, person_of(runtime), case_id)
    names = names_of_people(runtime)
    lines = [
        f"{wording.moment(each.time_us)} {names.get(each.by, each.by)}: {', '.join(each.event_ids)} ({each.reason})"
        for each in found
    ]
    emit({"opened": msgspec.to_builtins(found)}, lines_of(lines) or "No text was opened.", as_json=as_json)


@task.command("add")
def add_task(
    ctx: typer.Context,
    case_id: CaseArgument,
    title: Annotated[str, typer.Argument(help="What is to be done.")],
    assignee: Annotated[str, typer.Option("--for", help="Who does it, by name.")] = "",
    due: Annotated[str | None, typer.Option("--due", help="By when.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a task; a case with an open one cannot be closed."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    whose = person_named(runtime, assignee) if assignee else None
    due_us = moment(due, "--due")
    made = tasks.add_task(runtime.database, runtime.ledger, by, case_id, title, assignee=whose, due_us=due_us)
    _emit_task(made, "is added", as_json=as_json)


@task.command("done")
def finish_task(
    ctx: typer.Context,
    task_id: Annotated[str, typer.Argument(metavar="TASK", help="The task's id.")],
    remark: Annotated[str, typer.Option("--remark", help="What came of it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Say that a task is done."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    ended = tasks.end_task(runtime.database, runtime.ledger, by, task_id, TaskOutcome.DONE, remark)
    _emit_task(ended, "is done", as_json=as_json)


@task.command("drop")
def drop_task(
    ctx: typer.Context,
    task_id: Annotated[str, typer.Argument(metavar="TASK", help="The task's id.")],
    reason: ReasonOption,
    as_json: JsonOption = False,
) -> None:
    """Drop a task that need not be done."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    ended = tasks.end_task(runtime.database, runtime.ledger, by, task_id, TaskOutcome.DROPPED, reason)
    _emit_task(ended, "is dropped", as_json=as_json)


def _emit_task(found: Task, words: str, *, as_json: bool) -> None:
    emit(msgspec.to_builtins(found), f"{found.task_id} {words}.", as_json=as_json)
