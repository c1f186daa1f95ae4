"""Machine tempo: requests in a row, each quicker after the one before than a person can read and ask again."""

from __future__ import annotations

from collections.abc import Iterator

from stormwatch.detections.detectors.finding import Finding
from stormwatch.detections.detectors.settings import MachineTempo, microseconds
from stormwatch.storage.engine import QueryEngine, sql_file


class MachineTempoDetector:
    """Finds accounts with a long enough run."""

    name = "machine-tempo"

    def __init__(self, settings: MachineTempo) -> None:
        self.settings = settings

    def find(self, engine: QueryEngine) -> Iterator[Finding]:
        """One finding an account, at the request that made its first run long enough."""
        quick, fewest = self.settings.quick_seconds, self.settings.fewest_in_a_row
        limits = {"quick_us": microseconds(quick), "fewest": fewest}
        for row in engine.query(sql_file(__package__, "machine_tempo"), limits).to_pylist():
            yield Finding(
                account_id=row["account_id"],
                event_id=row["event_id"],
                time_us=row["time_us"],
                score=min(row["longest"] / (5 * fewest), 1.0),
                summary=f"{row['longest']} requests in a row, each under {quick:g} seconds after the one before "
                f"({row['runs']} such runs, {row['events']} requests in all)",
            )
