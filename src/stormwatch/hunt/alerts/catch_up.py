"""What the stream did not look at, found in the lake at the end of a hunt: the same alerts, raised once."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from stormwatch.hunt.alerts.case_news import case_news
from stormwatch.hunt.alerts.raising import raise_alerts
from stormwatch.hunt.alerts.sightings import Causes, Sighting, sightings_of
from stormwatch.hunt.alerts.still_asking import COLUMNS, still_asking, suspended_since
from stormwatch.storage.database import Database
from stormwatch.storage.lake import Lake

_DETECTION_COLUMNS = (
    "event_id",
    "account_id",
    "time_us",
    "rule_id",
    "rule_version",
    "kind",
    "score",
    "shadow",
    "observable_kind",
    "observable_value",
    "indicator_id",
)


def catch_up(lake: Lake, database: Database, causes: Causes, destinations: Collection[str], now_us: int) -> int:
    """Raises what the lake's detections, suspended accounts and cases ask for and nobody raised; gives how many.

    The counts of what was raised before become exact.
    """
    found = [
        *sightings_of(_candidates(lake, causes), causes),
        *_of_suspended(lake, database, causes),
        *case_news(database, causes.policy),
    ]
    return raise_alerts(database, found, causes.policy, destinations, now_us)


def _candidates(lake: Lake, causes: Causes) -> pa.Table:
    """The rows that can be among the deserving; the files' statistics spare reading most of the others."""
    loud = pa.array(sorted(causes.loud_rules), pa.string())
    where = pc.field("rule_version").isin(loud) | ~pc.field("indicator_id").is_null()
    return lake.read("detections", list(_DETECTION_COLUMNS), where=where)


def _of_suspended(lake: Lake, database: Database, causes: Causes) -> list[Sighting]:
    suspended = suspended_since(database)
    if not suspended:
        return []
    theirs = pc.field("account_id").isin(pa.array(sorted(suspended), pa.string()))
    since = pc.field("time_us") >= min(suspended.values())
    return still_asking(lake.read("events", list(COLUMNS), where=theirs & since), suspended, causes.policy)
