"""`stormwatch lineage`: how a program or document of an account grew, over whichever accounts it went through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from stormwatch.cli.context import runtime_of
from stormwatch.cli.output import JsonOption, emit, lines_of
from stormwatch.detections.fingerprints.lineage import BY_SHAPE, BY_TEXT, Step, fragments_of, lineage_of_account
from stormwatch.detections.fingerprints.shared_fingerprints import frequencies
from stormwatch.model.errors import NotFound
from stormwatch.model.times import format_rfc3339


def lineage(
    ctx: typer.Context,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id.")],
    renamed: Annotated[
        bool,
        typer.Option("--renamed", help="Compare the shape of code alone, whatever its names; finds more by chance."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Order the fragments of a program or document that an account had, and that others had before and after it."""
    runtime = runtime_of(ctx)
    rows = runtime.lake.read("fingerprints")
    with runtime.engine() as engine:
        frequency = frequencies(engine, rows)
    fragments = fragments_of(rows, frequency, BY_SHAPE if renamed else BY_TEXT)
    lines = lineage_of_account(fragments, account)
    if not lines:
        raise NotFound(
            "nothing that this account wrote can be known again",
            where=account,
            remedy="check the id, and hunt first; short and popular texts have no lineage",
        )
    emit({"account_id": account, "lines": [_steps(line) for line in lines]}, _prose(lines), as_json=as_json)


def _steps(line: Sequence[Step]) -> list[dict[str, object]]:
    return [
        {
            "time": format_rfc3339(step.fragment.time_us),
            "account_id": step.fragment.account_id,
            "event_id": step.fragment.event_id,
            "kind": step.fragment.kind,
            "tokens": step.fragment.tokens,
            "grew_from_event": step.parent.event_id if step.parent else None,
            "similarity": round(step.similarity.jaccard, 3),
            "containment": round(step.similarity.containment, 3),
        }
        for step in line
    ]


def _prose(lines: Sequence[Sequence[Step]]) -> str:
    return "\n".join(lines_of(_told(line)) for line in lines)


def _told(line: Sequence[Step]) -> Iterator[str]:
    accounts = len({step.fragment.account_id for step in line})
    yield f"{line[0].fragment.kind}: {len(line)} fragments of {accounts} accounts"
    for step in line:
        grew = f"{step.similarity.jaccard:.0%} as in {step.parent.event_id}" if step.parent else "the first seen"
        fragment = step.fragment
        yield f"  {format_rfc3339(fragment.time_us)}  {fragment.account_id}  {fragment.event_id}  {grew}"
