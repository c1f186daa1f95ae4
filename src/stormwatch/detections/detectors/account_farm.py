"""Account farming: accounts made one after another that share what people have for themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from stormwatch.detections.detectors.finding import Finding
from stormwatch.detections.detectors.owners import openly_together
from stormwatch.detections.detectors.settings import AccountFarm, microseconds
from stormwatch.storage.engine import QueryEngine, sql_file


class AccountFarmDetector:
    """Finds groups that are not openly one organisation, and names their accounts."""

    name = "account-farm"

    def __init__(self, settings: AccountFarm) -> None:
        self.settings = settings

    def find(self, engine: QueryEngine) -> Iterator[Finding]:
        """One finding an account, by the largest group it is in; such a finding has no event."""
        limits = {
            "fewest_accounts": self.settings.fewest_accounts,
            "most_accounts": self.settings.most_accounts,
            "within_us": microseconds(self.settings.within_seconds),
        }
        rows = engine.query(sql_file(__package__, "account_farm"), limits).to_pylist()
        best: dict[str, tuple[int, Finding]] = {}
        for (kind, _), group in groupby(rows, key=lambda row: (row["kind"], row["value"])):
            for members in self._bursts(list(group)):
                few = len(members) < self.settings.fewest_accounts
                if few or openly_together(members, self.settings.most_of_one_owner):
                    continue
                for finding in self._findings(kind, members):
                    if best.get(finding.account_id, (0,))[0] < len(members):
                        best[finding.account_id] = len(members), finding
        for _, finding in best.values():
            yield finding

    def _bursts(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
        within = microseconds(self.settings.within_seconds)
        burst: list[Mapping[str, Any]] = []
        for row in rows:
            if burst and row["created_us"] - burst[-1]["created_us"] > within:
                yield burst
                burst = []
            burst.append(row)
        yield burst

    def _findings(self, kind: str, members: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
        fewest = self.settings.fewest_accounts
        enough = members[fewest - 1]["created_us"]
        for row in members:
            yield Finding(
                account_id=row["account_id"],
                event_id="",
                time_us=max(row["created_us"], enough),
                score=min(len(members) / (4 * fewest), 1.0),
                summary=f"one of {len(members)} accounts made one after another with the same {kind}",
            )
