"""A case, or a line of the queue, as the JSON that commands print of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import select

from stormwatch.attribution.assess import CALIBRATED_ON
from stormwatch.cases.queue import get_case, read_cases
from stormwatch.cases.queue_query import QueueRow
from stormwatch.cli.output import emit
from stormwatch.model.case import Case
from stormwatch.model.times import format_rfc3339, optional_rfc3339
from stormwatch.runtime import Runtime
from stormwatch.storage.tables.cases import cases

_AT_ONCE = 500


def summary_of(found: Case) -> dict[str, object]:
    """What every command tells of a case."""
    return {
        "case_id": found.case_id,
        "state": found.state.value,
        "title": found.title,
        "subject_id": found.subject_id,
        "cluster_id": found.cluster_id,
        "account_ids": list(found.account_ids),
        "risk": found.risk,
        "calibrated_on": CALIBRATED_ON,
        "assignee": found.assignee,
        "queue": found.queue,
        "due_time": optional_rfc3339(found.due_us),
        "version": found.version,
        "merged_into": found.merged_into,
        "split_from": found.split_from,
        "opened_time": format_rfc3339(found.opened_us),
        "updated_time": format_rfc3339(found.updated_us),
    }


def summaries_of(runtime: Runtime, rows: Sequence[QueueRow]) -> list[dict[str, object]]:
    """The same of lines of the queue, in their order, with how many tasks are open."""
    whole = {case.case_id: case for case in _cases(runtime, [row.case_id for row in rows])}
    return [summary_of(whole[row.case_id]) | {"open_tasks": row.open_tasks} for row in rows if row.case_id in whole]


def emit_state(runtime: Runtime, case_id: str, *, as_json: bool) -> None:
    """Prints where a case stands after a command changed it."""
    found = get_case(runtime.database, case_id)
    emit(summary_of(found), f"{found.case_id} is {found.state.value}.", as_json=as_json)


def _cases(runtime: Runtime, case_ids: Sequence[str]) -> Iterator[Case]:
    with runtime.database.read() as connection:
        for start in range(0, len(case_ids), _AT_ONCE):
            some = case_ids[start : start + _AT_ONCE]
            yield from read_cases(connection, select(cases).where(cases.c.case_id.in_(some)))
