"""Autonomy levels: how far the workflows of an account run without a person's decisions, from 0 to 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from stormwatch.detections.detectors.finding import Finding
from stormwatch.detections.detectors.settings import AutonomousWorkflow, microseconds
from stormwatch.model.times import DAY
from stormwatch.storage.engine import QueryEngine, sql_file

_WORDS: Final = (
    "questions and answers",
    "an assistant that uses tools now and then",
    "tools directed step by step",
    "many steps to one decision",
    "runs unattended",
)


@dataclass(frozen=True, slots=True)
class Workflow:
    """Requests of one account without a long pause; `decisions` are the pauses in which a person could have decided.

    `last_place` is the place of its last request, counted from the account's last one, which is 1.
    """

    account_id: str
    workflow: int
    steps: int
    tool_steps: int
    offered_steps: int
    decisions: int
    sessions: int
    first_us: int
    last_us: int
    last_place: int


class AutonomousWorkflowDetector:
    """Finds accounts whose workflows reach the level that is worth noting."""

    name = "autonomous-workflow"

    def __init__(self, settings: AutonomousWorkflow) -> None:
        self.settings = settings

    def find(self, engine: QueryEngine) -> Iterator[Finding]:
        """One finding an account: its first workflow of the highest level it reaches."""
        rows = engine.query(
            sql_file(__package__, "workflows"),
            {
                "workflow_gap_us": microseconds(self.settings.workflow_gap_seconds),
                "human_us": microseconds(self.settings.human_seconds),
                "fewest_steps": self.settings.fewest_steps,
            },
        ).to_pylist()
        levels = levels_of([Workflow(**row) for row in rows], self.settings)
        found = [(workflow, level) for workflow, level in levels if level >= self.settings.least_level]
        last_events = self._last_events(engine, [workflow for workflow, _ in found])
        for account_id, group in groupby(found, key=lambda pair: pair[0].account_id):
            workflows = list(group)
            highest = max(level for _, level in workflows)
            first = next(workflow for workflow, level in workflows if level == highest)
            yield Finding(
                account_id=account_id,
                event_id=last_events[account_id, first.last_place],
                time_us=first.last_us,
                score=highest / 4,
                summary=f"level {highest} ({_WORDS[highest]}): {first.steps} steps, {first.tool_steps} with tool "
                f"calls, {first.decisions} pauses for a person; {len(workflows)} such workflows",
                level=highest,
            )

    def _last_events(self, engine: QueryEngine, workflows: Sequence[Workflow]) -> dict[tuple[str, int], str]:
        if not workflows:
            return {}
        rows = engine.query(sql_file(__package__, "events_from_end")).to_pylist()
        wanted = {(workflow.account_id, workflow.last_place) for workflow in workflows}
        return {
            (row["account_id"], row["place"]): row["event_id"]
            for row in rows
            if (row["account_id"], row["place"]) in wanted
        }


def levels_of(workflows: Sequence[Workflow], settings: AutonomousWorkflow) -> list[tuple[Workflow, int]]:
    """Each workflow with its level; `workflows` are in the order of accounts and time."""
    found = []
    for _, group in groupby(workflows, key=lambda workflow: workflow.account_id):
        of_account = list(group)
        scheduled = _scheduled(of_account, settings)
        found += [(workflow, _level(workflow, settings, scheduled=workflow in scheduled)) for workflow in of_account]
    return found


def _level(workflow: Workflow, settings: AutonomousWorkflow, *, scheduled: bool) -> int:
    if workflow.tool_steps == 0:
        return 0
    if workflow.tool_steps < settings.tools_now_and_then * workflow.steps:
        return 1
    if not _undirected(workflow, settings):
        return 2
    lasting = workflow.last_us - workflow.first_us >= microseconds(settings.unattended_seconds)
    return 4 if scheduled or lasting else 3


def _undirected(workflow: Workflow, settings: AutonomousWorkflow) -> bool:
    long_enough = workflow.steps >= settings.fewest_steps
    return long_enough and workflow.steps >= settings.steps_per_decision * workflow.decisions


def _scheduled(workflows: Sequence[Workflow], settings: AutonomousWorkflow) -> set[Workflow]:
    """Undirected workflows that begin, on enough days, at one time of the day, whichever that is."""
    within = microseconds(settings.scheduled_within_seconds)
    undirected = [workflow for workflow in workflows if _undirected(workflow, settings)]
    found: set[Workflow] = set()
    for workflow in undirected:
        alike = [other for other in undirected if _apart(workflow.first_us, other.first_us) <= within]
        if len({other.first_us // DAY for other in alike}) >= settings.scheduled_starts:
            found.update(alike)
    return found


def _apart(first_us: int, second_us: int) -> int:
    """How far two times lie apart when days do not matter."""
    apart = abs(first_us - second_us) % DAY
    return min(apart, DAY - apart)
