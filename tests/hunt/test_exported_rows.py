"""Exported rows promise: times that span all that is known of their subject."""

from __future__ import annotations

import pyarrow as pa

from review_floor import Floor, floor
from stormwatch.hunt.exports.clusters import cluster_rows
from stormwatch.model.times import format_rfc3339
from stormwatch.storage.schemas import ACCOUNT_DAY

__all__ = ["floor"]


def test_an_account_alone_in_its_case_spans_all_its_days(floor: Floor) -> None:
    floor.suspect("a", ["a"])
    floor.hunt()
    nothing = {**dict.fromkeys(ACCOUNT_DAY.names, 0), "account_id": "a"}
    days = [{**nothing, "day": day, "first_us": 1_000 * day, "last_us": 2_000 * day} for day in (2, 1, 3)]
    floor.runtime.lake.replace("account_day", pa.Table.from_pylist(days, schema=ACCOUNT_DAY))
    (row,) = cluster_rows(floor.runtime.lake, floor.runtime.database)
    assert (row.cluster_id, row.account_ids) == ("a", ["a"])
    assert (row.first_event_time, row.last_event_time) == (format_rfc3339(1_000), format_rfc3339(6_000))
