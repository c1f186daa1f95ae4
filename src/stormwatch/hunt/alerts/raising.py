"""Sightings to alerts in the case database, each once whoever saw it first, with the messages that have to leave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from stormwatch.hunt.alerts.policy import AlertPolicy
from stormwatch.hunt.alerts.sightings import Sighting, window_id_of
from stormwatch.model.alert import AlertKind, AlertLevel, DeliveryState
from stormwatch.model.ids import derived_id, new_id
from stormwatch.storage.database import Database
from stormwatch.storage.tables.alerts import alert_deliveries, alert_windows, alerts

_CHUNK: Final = 500
_AT_ONCE: Final = 200  # alerts to a transaction: an eighth of a second in which nobody else can write
_Cause = tuple[str, str]


def raise_alerts(
    database: Database,
    sightings: Sequence[Sighting],
    policy: AlertPolicy,
    destinations: Collection[str],
    now_us: int,
) -> int:
    """Raises what was not raised before and brings the counts of the rest up to date; gives how many are new.

    Windows of one cause at one account that are found together (a search of history) make one alert. Of one cause at
    most `policy.most_per_cause` leave within a window; then the rest are kept as held.
    """
    if not sightings:
        return 0
    known = known_windows(database, [sighting.window_id for sighting in sightings])
    fresh = [sighting for sighting in sightings if sighting.window_id not in known]
    grown = [s for s in sightings if s.window_id in known and s.seen > known[s.window_id]]
    if not fresh and not grown:
        return 0
    database.write_in_turns(grown, _AT_ONCE, _count)

    def add(connection: Connection, found: Sequence[Sequence[Sighting]]) -> int:
        # Another process may have been faster; inside the write transaction nobody is.
        taken = _windows_in(connection, [sighting.window_id for group in found for sighting in group])
        left = ([sighting for sighting in group if sighting.window_id not in taken] for group in found)
        groups = [group for group in left if group]
        _insert(connection, groups, _Allowance(connection, policy, now_us), destinations, now_us)
        return len(groups)

    return database.write_in_turns(_together(fresh), _AT_ONCE, add)


def raise_test(database: Database, destinations: Collection[str], now_us: int) -> str:
    """Raises an alert that is about nothing, so that a receiver can be tried; gives its id."""
    test = Sighting(
        window_id=new_id("window"),
        kind=AlertKind.TEST,
        level=AlertLevel.INFORMATIONAL,
        title="a test of the way to the receiver",
        innocent_explanation="Nothing happened.",
        cause_id="test",
        cause_version="1",
        first_us=now_us,
        last_us=now_us,
    )
    with database.write() as connection:
        _insert_one(connection, [test], destinations, now_us, held=False)
    return alert_id_of(test)


def alert_id_of(first: Sighting) -> str:
    """The id of the alert whose earliest window this is."""
    return derived_id("alert", first.window_id)


def known_windows(database: Database, window_ids: Sequence[str]) -> Mapping[str, int]:
    """Of these windows those that stand for an alert, with the sightings counted so far."""
    with database.read() as connection:
        return _windows_in(connection, window_ids)


def _windows_in(connection: Connection, window_ids: Sequence[str]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(window_ids), _CHUNK):
        chunk = window_ids[start : start + _CHUNK]
        query = select(alert_windows.c.window_id, alert_windows.c.seen).where(alert_windows.c.window_id.in_(chunk))
        found.update((row.window_id, row.seen) for row in connection.execute(query))
    return found


def _count(connection: Connection, grown: Sequence[Sighting]) -> int:
    statement = (
        update(alert_windows)
        .where(alert_windows.c.window_id == bindparam("of"))
        .values(seen=bindparam("now_seen"), last_us=bindparam("now_last"))
    )
    rows = [{"of": s.window_id, "now_seen": s.seen, "now_last": s.last_us} for s in grown]
    connection.execute(statement, rows)
    return len(rows)


def _together(sightings: Iterable[Sighting]) -> list[list[Sighting]]:
    groups: dict[tuple[str | None, ...], list[Sighting]] = defaultdict(list)
    for sighting in sorted(sightings, key=lambda s: (s.first_us, s.window_id)):
        groups[sighting.cause_id, sighting.cause_version, sighting.account_id, sighting.indicator_id].append(sighting)
    return list(groups.values())


class _Allowance:
    """How many alerts of each cause may still leave."""

    def __init__(self, connection: Connection, policy: AlertPolicy, now_us: int) -> None:
        self._connection = connection
        self._policy = policy
        self._since_us = now_us - policy.window_us
        self._window = now_us // policy.window_us
        self._sent: dict[_Cause, int] = {}

    def take(self, sighting: Sighting) -> bool:
        """Whether one more may leave; counts it."""
        cause = (sighting.cause_id, sighting.cause_version)
        if cause not in self._sent:
            query = select(func.count()).where(
                alerts.c.cause_id == cause[0],
                alerts.c.cause_version == cause[1],
                alerts.c.raised_us > self._since_us,
                alerts.c.held.is_(False),
            )
            self._sent[cause] = int(self._connection.execute(query).scalar_one())
        self._sent[cause] += 1
        return self._sent[cause] <= self._policy.most_per_cause

    def notice(self, sighting: Sighting) -> Sighting:
        """The one alert that says that a cause is held back, once in a window."""
        return Sighting(
            window_id=window_id_of("held-back", sighting.cause_id, sighting.cause_version, str(self._window)),
            kind=AlertKind.HELD_BACK,
            level=AlertLevel.LOW,
            title=f"{self._policy.most_per_cause} alerts left for one cause; more are held back: {sighting.title}",
            innocent_explanation=self._policy.innocent_explanations.held_back,
            cause_id=f"held-back:{sighting.cause_id}",
            cause_version=sighting.cause_version,
            first_us=sighting.first_us,
            last_us=sighting.last_us,
            indicator_id=sighting.indicator_id,
            lead_id=sighting.lead_id,
        )


def _insert(
    connection: Connection,
    groups: Sequence[Sequence[Sighting]],
    allowance: _Allowance,
    destinations: Collection[str],
    now_us: int,
) -> None:
    for group in groups:
        leaves = allowance.take(group[0])
        _insert_one(connection, group, destinations, now_us, held=not leaves)
        if not leaves:
            notice = allowance.notice(group[0])
            if not _windows_in(connection, [notice.window_id]):
                _insert_one(connection, [notice], destinations, now_us, held=False)


def _insert_one(
    connection: Connection, group: Sequence[Sighting], destinations: Collection[str], now_us: int, *, held: bool
) -> None:
    alert_id = alert_id_of(group[0])
    connection.execute(insert(alerts).values(alert_id=alert_id, raised_us=now_us, held=held, **_row(group[0])))
    connection.execute(
        insert(alert_windows),
        [{"window_id": s.window_id, "alert_id": alert_id, "seen": s.seen, "last_us": s.last_us} for s in group],
    )
    if destinations and not held:
        connection.execute(
            insert(alert_deliveries),
            [
                {
                    "alert_id": alert_id,
                    "destination": destination,
                    "state": DeliveryState.PENDING.value,
                    "attempts": 0,
                    "next_try_us": now_us,
                }
                for destination in sorted(destinations)
            ],
        )


def _row(sighting: Sighting) -> dict[str, Any]:
    return {
        "kind": sighting.kind.value,
        "level": sighting.level.value,
        "title": sighting.title,
        "innocent_explanation": sighting.innocent_explanation,
        "cause_id": sighting.cause_id,
        "cause_version": sighting.cause_version,
        "account_id": sighting.account_id,
        "event_id": sighting.event_id,
        "indicator_id": sighting.indicator_id,
        "lead_id": sighting.lead_id,
        "case_id": sighting.case_id,
        "techniques": list(sighting.techniques),
        "first_us": sighting.first_us,
    }
