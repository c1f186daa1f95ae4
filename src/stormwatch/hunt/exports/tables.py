"""Rows of the tables `links`, `clusters` and `detections`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from stormwatch.hunt.exports.case_index import case_of_accounts
from stormwatch.hunt.exports.rows import ClusterRow, DetectionRow, HypothesisRow, LinkRow, exported_time
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


def link_rows(lake: Lake) -> Iterator[LinkRow]:
    """All scored pairs."""
    for row in lake.read("links").to_pylist():
        yield msgspec.convert(row, LinkRow)


def cluster_rows(lake: Lake, database: Database) -> Iterator[ClusterRow]:
    """Clusters of two or more, former ones, and each single account that has a case."""
    assessed = {row["subject_id"]: row for row in lake.read("assessments").to_pylist()}
    for cluster in lake.read("clusters").to_pylist():
        yield _cluster_row(cluster, assessed.get(cluster["cluster_id"], {}))
    clustered = {a for row in lake.read("clusters", ("account_ids",)).to_pylist() for a in row["account_ids"]}
    lives = {row["account_id"]: row for row in lake.read("account_day", ("account_id", "first_us")).to_pylist()}
    for account in sorted(set(case_of_accounts(database)) - clustered):
        alone = {"cluster_id": account, "previous_ids": [], "merged_into": None, "account_ids": [account]}
        times = {"first_event_us": lives.get(account, {}).get("first_us"), "last_event_us": None}
        yield _cluster_row(alone | times, assessed.get(account, {}))


def detection_rows(lake: Lake) -> Iterator[DetectionRow]:
    """Firings of rules and matches of indicators; rules in shadow are left out."""
    columns = ("event_id", "account_id", "time_us", "rule_id", "rule_version", "techniques", "score", "shadow")
    for batch in lake.read("detections", columns).to_batches():
        for row in batch.to_pylist():
            if not row["shadow"]:
                yield DetectionRow(
                    row["event_id"] or None,
                    row["account_id"],
                    exported_time(row["time_us"]),
                    row["rule_id"],
                    row["rule_version"],
                    row["techniques"] or [],
                    row["score"],
                )


def _cluster_row(cluster: Mapping[str, Any], assessment: Mapping[str, Any]) -> ClusterRow:
    return ClusterRow(
        cluster_id=cluster["cluster_id"],
        previous_ids=cluster["previous_ids"] or [],
        merged_into=cluster["merged_into"],
        account_ids=cluster["account_ids"],
        first_event_time=exported_time(cluster["first_event_us"]),
        last_event_time=exported_time(cluster["last_event_us"]),
        risk=assessment.get("risk"),
        hypotheses=[msgspec.convert(h, HypothesisRow) for h in assessment.get("hypotheses") or ()],
        likelihood=assessment.get("likelihood"),
        confidence=assessment.get("confidence"),
        calibrated_on=assessment.get("calibrated_on"),
    )
