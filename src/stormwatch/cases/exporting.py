"""Rows of the public table `cases` (exports, version 1): cases with their hypotheses and the ids of their actions."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import select

from stormwatch.cases.findings import hypotheses_of
from stormwatch.cases.queue import list_cases
from stormwatch.model.times import format_rfc3339
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake
from stormwatch.storage.tables.actions import actions


class HypothesisRow(msgspec.Struct, frozen=True):
    """One hypothesis with its probability; those of a case add to 1."""

    hypothesis: str
    kind: str
    probability: float


class CaseRow(msgspec.Struct, frozen=True):
    """A case, as outside evaluation reads it; `actions` are the ids of rows of the table `actions`."""

    case_id: str
    state: str
    opened_time: str
    account_ids: list[str]
    cluster_id: str | None
    hypotheses: list[HypothesisRow]
    actions: list[str]


def case_rows(database: Database, lake: Lake) -> Iterator[CaseRow]:
    """Every case, highest risk first, with the hypotheses of the last hunt."""
    found = list_cases(database)
    hypotheses = hypotheses_of(lake, {case.subject_id for case in found})
    taken = _actions_by_case(database)
    for case in found:
        yield CaseRow(
            case_id=case.case_id,
            state=case.state.value,
            opened_time=format_rfc3339(case.opened_us),
            account_ids=list(case.account_ids),
            cluster_id=case.cluster_id,
            hypotheses=[
                HypothesisRow(h.hypothesis, h.kind.value, h.probability) for h in hypotheses.get(case.subject_id, ())
            ],
            actions=taken.get(case.case_id, []),
        )


def _actions_by_case(database: Database) -> dict[str, list[str]]:
    # The table is read, not the room: actions stand after cases on the route.
    found: dict[str, list[str]] = {}
    query = select(actions.c.case_id, actions.c.action_id).order_by(actions.c.approved_us, actions.c.action_id)
    with database.read() as connection:
        for row in connection.execute(query):
            found.setdefault(row.case_id, []).append(row.action_id)
    return found
