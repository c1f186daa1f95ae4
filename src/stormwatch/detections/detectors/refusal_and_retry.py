"""Refusal and retry: asking again at once after the model declined, or soon in another session or of another model."""

from __future__ import annotations

from collections.abc import Iterator

from stormwatch.detections.detectors.finding import Finding
from stormwatch.detections.detectors.settings import RefusalAndRetry, microseconds
from stormwatch.storage.engine import QueryEngine, sql_file


class RefusalAndRetryDetector:
    """Finds accounts that do so often enough."""

    name = "refusal-and-retry"

    def __init__(self, settings: RefusalAndRetry) -> None:
        self.settings = settings

    def find(self, engine: QueryEngine) -> Iterator[Finding]:
        """One finding an account, at the retry that made them enough."""
        fewest = self.settings.fewest_retries
        limits = {
            "again_us": microseconds(self.settings.again_seconds),
            "elsewhere_us": microseconds(self.settings.elsewhere_seconds),
            "fewest_retries": fewest,
        }
        for row in engine.query(sql_file(__package__, "refusal_and_retry"), limits).to_pylist():
            yield Finding(
                account_id=row["account_id"],
                event_id=row["event_id"],
                time_us=row["time_us"],
                score=min((row["retries"] + row["again"]) / (4 * fewest), 1.0),
                summary=f"{row['retries']} requests soon after a refusal: {row['again']} declined again, "
                f"{row['elsewhere']} in another session, {row['other_model']} of another model",
            )
