"""Account resale: one account that many strangers use at once, from many networks and with many clients."""

from __future__ import annotations

from collections.abc import Iterator

from stormwatch.detections.detectors.finding import Finding
from stormwatch.detections.detectors.settings import AccountResale, microseconds
from stormwatch.storage.engine import QueryEngine, sql_file


class AccountResaleDetector:
    """Finds accounts that serve others without saying so."""

    name = "account-resale"

    def __init__(self, settings: AccountResale) -> None:
        self.settings = settings

    def find(self, engine: QueryEngine) -> Iterator[Finding]:
        """One finding an account, at the request that made its use by several at once often enough."""
        names = ("fewest_networks", "fewest_clients", "fewest_together", "most_declared_end_users")
        limits = {name: getattr(self.settings, name) for name in names}
        limits["together_us"] = microseconds(self.settings.together_seconds)
        for row in engine.query(sql_file(__package__, "account_resale"), limits).to_pylist():
            yield Finding(
                account_id=row["account_id"],
                event_id=row["event_id"],
                time_us=row["time_us"],
                score=min(row["times"] / (5 * self.settings.fewest_together), 1.0),
                summary=f"{row['clients']} clients from {row['networks']} networks used it, {row['times']} times two "
                f"within {self.settings.together_seconds / 60:g} minutes, and no end users are declared",
            )
