"""`stormwatch case list` and the queries behind it: the queue with its filters, and queries kept under a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
import typer

from stormwatch.cases.queue_query import Key, Order, QueueQuery, QueueRow, key_of, queue_rows
from stormwatch.cases.routing import load_queues
from stormwatch.cases.saved_queries import drop_query, find_saved, save_query, saved_queries_of
from stormwatch.cli.case_summary import summaries_of
from stormwatch.cli.context import person_of, runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.cli.people_named import person_named
from stormwatch.console.people_names import names_of_people
from stormwatch.console.wording import moment
from stormwatch.model.case import CaseState
from stormwatch.model.errors import Forbidden
from stormwatch.model.principal import Principal
from stormwatch.model.times import now_us
from stormwatch.runtime import Runtime

queue = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_PAGE: Final = 500
_NOBODY: Final = ("me", "nobody", "")

StateOption = Annotated[list[CaseState] | None, typer.Option("--state", help="Only cases in this state.")]
QueueOption = Annotated[str, typer.Option("--queue", help="Only cases of this queue, as `case queues` lists them.")]
AssigneeOption = Annotated[str, typer.Option("--assignee", help="Whose cases: a name, `me` or `nobody`.")]
OverdueOption = Annotated[bool, typer.Option("--overdue", help="Only what is overdue.")]
LeadingOption = Annotated[str, typer.Option("--leading", help="Only cases with this first-ranked hypothesis.")]
WordsOption = Annotated[str, typer.Option("--words", help="Part of a title, a case's id or an account's id.")]
OrderOption = Annotated[Order, typer.Option("--order", help="What comes first.")]


@queue.command("list")
def show_list(
    ctx: typer.Context,
    state: StateOption = None,
    in_queue: QueueOption = "",
    assignee: AssigneeOption = "",
    overdue: OverdueOption = False,
    leading: LeadingOption = "",
    words: WordsOption = "",
    order: OrderOption = Order.RISK,
    saved: Annotated[str, typer.Option("--saved", help="Ask a saved query instead of these options.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; default all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List cases, the highest risk first unless another order is asked for."""
    runtime = runtime_of(ctx)
    me = _id_of(person_of(runtime))
    states = [each.value for each in state or ()] or ["all"]
    whose = _whose(runtime, assignee)
    queries = (
        [find_saved(runtime.database, me, saved).query]
        if saved
        else [QueueQuery(each, in_queue, whose, "over" if overdue else "", leading, words, order) for each in states]
    )
    found = [row for query in queries for row in _pages(runtime, query, me, limit)]
    if len(queries) > 1:
        found.sort(key=lambda row: (key_of(row, order), row.case_id), reverse=order is not Order.DUE)
    found = found[:limit]
    names = names_of_people(runtime)
    lines = [_line(row, names.get(row.assignee or "", "")) for row in found]
    emit({"cases": summaries_of(runtime, found)}, lines_of(lines) or "No cases.", as_json=as_json)


@queue.command("queues")
def show_queues(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the queues, what each takes and what is done first there."""
    runtime = runtime_of(ctx)
    person_of(runtime)
    queues = load_queues(runtime.settings.case_queues).values()
    lines = [
        f"{each.queue}: {each.about}" + (f" First: {each.first_action}" if each.first_action else "") for each in queues
    ]
    emit({"queues": msgspec.to_builtins(list(queues))}, lines_of(lines), as_json=as_json)


@queue.command("queries")
def show_queries(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List your saved queries and those that are shared."""
    runtime = runtime_of(ctx)
    found = saved_queries_of(runtime.database, _id_of(person_of(runtime)))
    names = names_of_people(runtime)
    lines = [
        f"{each.query_id}  {each.name}  ({names.get(each.made_by, each.made_by)})  {each.address}" for each in found
    ]
    payload = {"queries": [msgspec.to_builtins(each) | {"address": each.address} for each in found]}
    emit(payload, lines_of(lines) or "No saved queries.", as_json=as_json)


@queue.command("save-query")
def keep_query(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    state: Annotated[str, typer.Option("--state", help="A state, `waiting` or `all`.")] = "waiting",
    in_queue: QueueOption = "",
    assignee: AssigneeOption = "",
    overdue: OverdueOption = False,
    leading: LeadingOption = "",
    words: WordsOption = "",
    order: OrderOption = Order.RISK,
    shared: Annotated[bool, typer.Option("--shared", help="For everybody.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Keep a question to the queue under a name."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    asked = {
        "state": state,
        "queue": in_queue,
        "assignee": _whose(runtime, assignee),
        "due": "over" if overdue else "",
        "leading": leading,
        "q": words,
        "order": order.value,
    }
    saved = save_query(runtime.database, runtime.ledger, by, name, QueueQuery.of(asked), shared=shared)
    emit({"query_id": saved.query_id, "address": saved.address}, f"Saved as {saved.query_id}.", as_json=as_json)


@queue.command("drop-query")
def forget_query(
    ctx: typer.Context, name: Annotated[str, typer.Argument(help="Its name or id.")], as_json: JsonOption = False
) -> None:
    """Drop one of your saved queries."""
    runtime = runtime_of(ctx)
    by = person_of(runtime)
    found = find_saved(runtime.database, _id_of(by), name)
    drop_query(runtime.database, runtime.ledger, by, found.query_id)
    emit({"query_id": found.query_id}, f"{found.name} is dropped.", as_json=as_json)


def _pages(runtime: Runtime, query: QueueQuery, me: str, limit: int | None) -> Iterator[QueueRow]:
    after: Key | None = None
    left, now = limit, now_us()
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        rows = queue_rows(runtime.database, query, me, now, after=after, limit=size)
        yield from rows
        if len(rows) < size:
            return
        after = key_of(rows[-1], query.order)
        left = None if left is None else left - len(rows)


def _whose(runtime: Runtime, assignee: str) -> str:
    return assignee if assignee in _NOBODY else person_named(runtime, assignee)


def _id_of(by: Principal) -> str:
    if by.person is None:
        raise Forbidden("a machine has no queue")
    return by.person.person_id


def _line(row: QueueRow, holder: str) -> str:
    due = f"  due {moment(row.due_us)}" if row.due_us else ""
    return f"{row.case_id}  {row.state.value:9}  {row.queue}  {row.title}{due}" + (f"  {holder}" if holder else "")
