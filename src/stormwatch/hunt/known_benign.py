"""Records and outcomes to the accounts that are known to be benign, each with why: a rule that hits them errs."""

from __future__ import annotations

from collections.abc import Mapping

from stormwatch.cases.outcomes import cleared_accounts
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake


def known_benign(lake: Lake, database: Database) -> Mapping[str, str]:
    """Account -> why: cleared or reinstated by a review, or a verified researcher's."""
    return {
        **dict.fromkeys(_researchers(lake), "verified researcher"),
        **dict.fromkeys(cleared_accounts(database), "cleared"),
    }


def _researchers(lake: Lake) -> frozenset[str]:
    """Accounts whose last record that speaks of it says verified researcher."""
    last: dict[str, bool] = {}
    for row in lake.read("account_records", ("account_id", "verified_researcher")).to_pylist():
        if row["verified_researcher"] is not None:
            last[row["account_id"]] = row["verified_researcher"]
    return frozenset(account for account, verified in last.items() if verified)
