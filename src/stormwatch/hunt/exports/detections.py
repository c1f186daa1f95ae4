"""Rows of the table `detections`: what rules and indicators found, without rules in shadow."""

from __future__ import annotations

from collections.abc import Iterator

from stormwatch.hunt.exports.rows import DetectionRow
from stormwatch.model.times import optional_rfc3339
from stormwatch.storage.lake import Lake


def detection_rows(lake: Lake) -> Iterator[DetectionRow]:
    """Firings of rules and matches of indicators; rules in shadow are left out."""
    columns = ("event_id", "account_id", "time_us", "rule_id", "rule_version", "techniques", "score", "shadow")
    for batch in lake.read("detections", columns).to_batches():
        for row in batch.to_pylist():
            if not row["shadow"]:
                yield DetectionRow(
                    row["event_id"] or None,
                    row["account_id"],
                    optional_rfc3339(row["time_us"]),
                    row["rule_id"],
                    row["rule_version"],
                    row["techniques"] or [],
                    row["score"],
                )
