"""Lays the lake's tables before the engine as views, cut to the window of time that the hunt was asked for."""

from __future__ import annotations

from stormwatch.storage.engine import QueryEngine
from stormwatch.storage.lake import Lake
from stormwatch.storage.schemas import TABLES

_TIMED = ("events", "observables", "detections", "request_shapes", "fingerprints")


def open_window(engine: QueryEngine, lake: Lake, since_us: int | None, until_us: int | None) -> None:
    """Registers tables of events and of what was found in them (since_us <= time < until_us), and `account_records`."""
    engine.register_files("account_records", lake.paths("account_records"), TABLES["account_records"])
    bounds = [f"time_us >= {since_us:d}"] if since_us is not None else []
    bounds += [f"time_us < {until_us:d}"] if until_us is not None else []
    for table in _TIMED:
        engine.register_files(f"all_{table}", lake.paths(table), TABLES[table])
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        engine.view(table, f"SELECT * FROM all_{table}{where}")  # noqa: S608 - own names and whole numbers
