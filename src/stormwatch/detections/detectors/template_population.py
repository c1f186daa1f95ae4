"""Distillation-like populations: many accounts that do little but fill in the same templates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from stormwatch.detections.detectors.finding import Finding
from stormwatch.detections.detectors.owners import openly_together
from stormwatch.detections.detectors.settings import TemplatePopulation
from stormwatch.storage.engine import QueryEngine, sql_file


class TemplatePopulationDetector:
    """Finds populations and names their accounts."""

    name = "template-population"

    def __init__(self, settings: TemplatePopulation) -> None:
        self.settings = settings

    def find(self, engine: QueryEngine) -> Iterator[Finding]:
        """One finding an account, at its last request of those that made it focused enough."""
        limits = {
            name: getattr(self.settings, name)
            for name in ("fewest_by_account", "least_focus", "least_different", "fewest_accounts")
        }
        rows = engine.query(sql_file(__package__, "template_population"), limits).to_pylist()
        accounts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            accounts[row["account_id"]].append(row)
        for population in populations({name: {row["opening"] for row in seen} for name, seen in accounts.items()}):
            members = [accounts[account][-1] for account in population]
            if len(members) < self.settings.fewest_accounts or openly_together(
                members, self.settings.most_of_one_owner
            ):
                continue
            for row in members:
                yield Finding(
                    account_id=row["account_id"],
                    event_id=row["event_id"],
                    time_us=row["time_us"],
                    score=round(min(row["uses"] / row["events"], 1.0), 4),
                    summary=f"{row['uses']} of {row['events']} requests fill in {row['templates']} templates that "
                    f"{len(members) - 1} other accounts fill in as well",
                )


def populations(openings: Mapping[str, set[int]]) -> list[list[str]]:
    """Groups of accounts held together by common templates."""
    by_opening: dict[int, list[str]] = defaultdict(list)
    for account, seen in openings.items():
        for opening in seen:
            by_opening[opening].append(account)
    groups, left = [], set(openings)
    while left:
        waiting, group = [min(left)], set()
        left.discard(waiting[0])
        while waiting:
            account = waiting.pop()
            group.add(account)
            near = {other for opening in openings[account] for other in by_opening[opening]} & left
            left -= near
            waiting += near
        groups.append(sorted(group))
    return groups
