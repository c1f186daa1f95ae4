"""Alerts as they are kept, read back with their counts and the state of their messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Row, func, select

from stormwatch.model.alert import Alert, AlertKind, AlertLevel, Delivery, DeliveryState
from stormwatch.model.errors import NotFound
from stormwatch.storage.database import Database
from stormwatch.storage.tables.alerts import alert_deliveries, alert_windows, alerts

_CHUNK: Final = 500


def list_alerts(
    database: Database,
    *,
    since_us: int | None = None,
    state: DeliveryState | None = None,
    limit: int | None = None,
) -> Sequence[Alert]:
    """Alerts, the newest first; those with a message in `state`, if asked."""
    with database.read() as connection:
        return read_alerts(connection, since_us=since_us, state=state, limit=limit)


def get_alert(database: Database, alert_id: str) -> Alert:
    """One alert; NotFound when there is none of that id."""
    with database.read() as connection:
        found = read_alerts(connection, alert_ids=[alert_id])
    if not found:
        raise NotFound("there is no such alert", where=alert_id, remedy="see `stormwatch alert list`")
    return found[0]


def read_alerts(
    connection: Connection,
    *,
    alert_ids: Collection[str] | None = None,
    since_us: int | None = None,
    state: DeliveryState | None = None,
    limit: int | None = None,
) -> Sequence[Alert]:
    """The same inside the caller's transaction."""
    sums = select(
        alert_windows.c.alert_id,
        func.sum(alert_windows.c.seen).label("seen"),
        func.max(alert_windows.c.last_us).label("last_us"),
    ).group_by(alert_windows.c.alert_id)
    if alert_ids is not None:
        sums = sums.where(alert_windows.c.alert_id.in_(list(alert_ids)))
    counted = sums.subquery()
    query = (
        select(alerts, counted.c.seen, counted.c.last_us)
        .join(counted, counted.c.alert_id == alerts.c.alert_id)
        .order_by(alerts.c.raised_us.desc(), alerts.c.alert_id)
        .limit(limit)
    )
    if alert_ids is not None:
        query = query.where(alerts.c.alert_id.in_(list(alert_ids)))
    if since_us is not None:
        query = query.where(alerts.c.raised_us >= since_us)
    if state is not None:
        held = select(alert_deliveries.c.alert_id).where(alert_deliveries.c.state == state.value)
        query = query.where(alerts.c.alert_id.in_(held))
    return [_alert(row) for row in connection.execute(query)]


def deliveries_of(database: Database, alert_ids: Collection[str]) -> Mapping[str, Sequence[Delivery]]:
    """The messages of these alerts, by alert."""
    wanted = list(alert_ids)
    found: dict[str, list[Delivery]] = {alert_id: [] for alert_id in wanted}
    with database.read() as connection:
        for start in range(0, len(wanted), _CHUNK):
            chosen = alert_deliveries.c.alert_id.in_(wanted[start : start + _CHUNK])
            query = select(alert_deliveries).where(chosen).order_by(alert_deliveries.c.destination)
            for row in connection.execute(query):
                found[row.alert_id].append(_delivery(row))
    return found


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    return Alert(
        alert_id=row.alert_id,
        kind=AlertKind(row.kind),
        level=AlertLevel(row.level),
        title=row.title,
        innocent_explanation=row.innocent_explanation,
        cause_id=row.cause_id,
        cause_version=row.cause_version,
        first_us=row.first_us,
        last_us=row.last_us,
        raised_us=row.raised_us,
        account_id=row.account_id,
        event_id=row.event_id,
        indicator_id=row.indicator_id,
        lead_id=row.lead_id,
        case_id=row.case_id,
        techniques=tuple(row.techniques or ()),
        seen=int(row.seen),
        held=bool(row.held),
    )


def _delivery(row: Row[tuple[object, ...]]) -> Delivery:
    return Delivery(
        row.alert_id,
        row.destination,
        DeliveryState(row.state),
        row.attempts,
        row.next_try_us,
        row.last_error,
        row.delivered_us,
    )
