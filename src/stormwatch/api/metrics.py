"""`GET /metrics`: counts of this installation in Prometheus' text form; numbers alone, no names."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select

from stormwatch.api.dependencies import runtime
from stormwatch.hunt.alerts.delivery import deliveries_by_state
from stormwatch.runtime import Runtime
from stormwatch.storage.tables.cases import cases

router = APIRouter()


@router.get("/metrics")
def metrics(request: Request, installation: Runtime = Depends(runtime)) -> Response:
    """Rows of each lake table, lake version, cases by state, fresh events looked at, messages of alerts by state."""
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
    _watch(request, installation, registry)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _watch(request: Request, installation: Runtime, registry: CollectorRegistry) -> None:
    messages = Gauge("stormwatch_alert_messages", "Messages of alerts by state", ["state"], registry=registry)
    for state, count in deliveries_by_state(installation.database).items():
        messages.labels(state.value).set(count)
    stream = getattr(request.app.state, "stream", None)
    if stream is None:
        return
    events = Gauge("stormwatch_watch_events", "Fresh events by what became of them", ["outcome"], registry=registry)
    waiting = Gauge("stormwatch_watch_waiting_bytes", "Fresh events that wait for a look", registry=registry)
    counts = stream.counts()
    events.labels("looked-at").set(counts.looked_at)
    events.labels("left-to-hunt").set(counts.left_to_hunt)
    waiting.set(counts.waiting_bytes)
