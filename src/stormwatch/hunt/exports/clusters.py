"""Rows of the table `clusters`: clusters, former ones, and single accounts with a case, each with its assessment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from stormwatch.cases.account_facts import account_facts
from stormwatch.hunt.exports.case_index import case_of_accounts
from stormwatch.hunt.exports.rows import ClusterRow, HypothesisRow
from stormwatch.model.times import optional_rfc3339
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


def cluster_rows(lake: Lake, database: Database) -> Iterator[ClusterRow]:
    """Clusters of two or more, former ones, and each single account that has a case."""
    assessed = {row["subject_id"]: row for row in lake.read("assessments").to_pylist()}
    clustered: set[str] = set()
    for cluster in lake.read("clusters").to_pylist():
        clustered.update(cluster["account_ids"])
        yield _cluster_row(cluster, assessed.get(cluster["cluster_id"], {}))
    for facts in account_facts(lake, set(case_of_accounts(database)) - clustered):
        alone = {
            "cluster_id": facts.account_id,
            "previous_ids": [],
            "merged_into": None,
            "account_ids": [facts.account_id],
            "first_event_us": facts.first_us,
            "last_event_us": facts.last_us,
        }
        yield _cluster_row(alone, assessed.get(facts.account_id, {}))


def _cluster_row(cluster: Mapping[str, Any], assessment: Mapping[str, Any]) -> ClusterRow:
    return ClusterRow(
        cluster_id=cluster["cluster_id"],
        previous_ids=cluster["previous_ids"] or [],
        merged_into=cluster["merged_into"],
        account_ids=cluster["account_ids"],
        first_event_time=optional_rfc3339(cluster["first_event_us"]),
        last_event_time=optional_rfc3339(cluster["last_event_us"]),
        risk=assessment.get("risk"),
        hypotheses=[msgspec.convert(h, HypothesisRow) for h in assessment.get("hypotheses") or ()],
        likelihood=assessment.get("likelihood"),
        confidence=assessment.get("confidence"),
        calibrated_on=assessment.get("calibrated_on"),
    )
