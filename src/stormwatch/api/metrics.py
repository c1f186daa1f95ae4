"""`GET /metrics`: counts of this installation in Prometheus' text form; numbers alone, no names."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select

from stormwatch.api.dependencies import runtime
from stormwatch.runtime import Runtime
from stormwatch.storage.tables.cases import cases

router = APIRouter()


@router.get("/metrics")
def metrics(installation: Runtime = Depends(runtime)) -> Response:
    """Rows of each lake table, lake version, cases by state."""
    registry = CollectorRegistry()
    rows = Gauge("stormwatch_lake_rows", "Rows of a lake table", ["table"], registry=registry)
    version = Gauge("stormwatch_lake_version", "Commits to the lake", registry=registry)
    states = Gauge("stormwatch_cases", "Cases by state", ["state"], registry=registry)
    manifest = installation.lake.manifest()
    version.set(manifest.version)
    for table, files in manifest.tables.items():
        rows.labels(table).set(sum(file.rows for file in files))
    with installation.database.read() as connection:
        for state, count in connection.execute(select(cases.c.state, func.count()).group_by(cases.c.state)):
            states.labels(state).set(count)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
