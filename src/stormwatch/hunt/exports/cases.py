"""Rows of the table `cases`: cases with their hypotheses and the ids of their actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stormwatch.actions.execution import list_actions
from stormwatch.cases.findings import hypotheses_of
from stormwatch.cases.queue import list_cases
from stormwatch.hunt.exports.rows import CaseRow, HypothesisRow
from stormwatch.model.times import format_rfc3339
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


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


def _actions_by_case(database: Database) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for action in sorted(list_actions(database), key=lambda action: (action.approved_us or 0, action.action_id)):
        found.setdefault(action.case_id, []).append(action.action_id)
    return found
