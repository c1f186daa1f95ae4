"""The outbox of alerts: what is due goes to its receiver, at least once; what fails is tried again, later and later."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection, func, insert, select, update

from stormwatch.hunt.alerts.log import read_alerts
from stormwatch.model.alert import Alert, DeliveryState
from stormwatch.model.errors import StormwatchError
from stormwatch.model.times import HOUR, MINUTE, SECOND, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.alerts import alert_deliveries

_AT_ONCE: Final = 50
# A sender that dies with messages in its hands leaves them to the next after so long.
_LEASE: Final = 2 * MINUTE
_FIRST_PAUSE: Final = 5 * SECOND
_LONGEST_PAUSE: Final = 6 * HOUR
# With the pauses above the last try comes after about a day and a half.
MOST_ATTEMPTS: Final = 18
_LONGEST_ERROR: Final = 300


class NotTaken(StormwatchError):
    """A receiver did not take a message. `gone`: it never will; `silent`: it did not answer at all."""

    def __init__(self, what: str, *, gone: bool = False, silent: bool = False) -> None:
        self.gone = gone
        self.silent = silent
        super().__init__(what)


class AlertReceiver(Protocol):
    """One place outside that alerts are sent to."""

    @property
    def destination(self) -> str:
        """The id under which deliveries to it are kept; the same address has the same one."""
        ...

    def send(self, message_id: str, body: bytes) -> None:
        """Hands over one message; it may come twice, with the same id. Raises NotTaken."""
        ...


@dataclass(frozen=True, slots=True)
class SendReport:
    """What became of the messages that were due."""

    delivered: int = 0
    failed: int = 0


def send_due(database: Database, receiver: AlertReceiver, encode: Callable[[Alert], bytes]) -> SendReport:
    """Sends what is due to one receiver; safe to call from several processes at once.

    A message that was sent and not noted because the process died is sent again, under the same id.
    """
    delivered = failed = 0
    while claimed := _claim(database, receiver.destination):
        outcomes = _send_all(receiver, claimed, encode)
        with database.write() as connection:
            for alert_id, problem in outcomes.items():
                _note(connection, receiver.destination, alert_id, problem)
            _put_back(connection, receiver.destination, [a.alert_id for a in claimed if a.alert_id not in outcomes])
        problems = sum(problem is not None for problem in outcomes.values())
        delivered += len(outcomes) - problems
        failed += problems
    return SendReport(delivered, failed)


def send_again(database: Database, alert_ids: Collection[str], destinations: Collection[str]) -> int:
    """Puts messages back to the start of their tries, whatever became of them; gives how many.

    A receiver that an alert was never meant for gets it, too, so that alerts from before it was set up can be sent.
    """
    with database.write() as connection:
        for alert_id in alert_ids:
            for destination in destinations:
                _restart(connection, alert_id, destination)
    return len(alert_ids) * len(destinations)


def forget_receivers(database: Database, destinations: Collection[str]) -> int:
    """Gives up messages to receivers that are configured no more; they can be sent again once they are."""
    values = {"state": DeliveryState.DEAD.value, "last_error": "this receiver is no longer configured"}
    pending = alert_deliveries.c.state == DeliveryState.PENDING.value
    with database.write() as connection:
        return connection.execute(
            update(alert_deliveries)
            .where(pending, alert_deliveries.c.destination.not_in(sorted(destinations)))
            .values(**values)
        ).rowcount


def deliveries_by_state(database: Database) -> dict[DeliveryState, int]:
    """How many messages are in which state."""
    query = select(alert_deliveries.c.state, func.count()).group_by(alert_deliveries.c.state)
    with database.read() as connection:
        return {DeliveryState(state): count for state, count in connection.execute(query)}


def _claim(database: Database, destination: str) -> Sequence[Alert]:
    """Takes what is due into this caller's hands, by putting off its next try."""
    due = (
        select(alert_deliveries.c.alert_id)
        .where(
            alert_deliveries.c.destination == destination,
            alert_deliveries.c.state == DeliveryState.PENDING.value,
            alert_deliveries.c.next_try_us <= now_us(),
        )
        .order_by(alert_deliveries.c.next_try_us)
        .limit(_AT_ONCE)
    )
    with database.read() as connection:  # most looks find nothing, and need not wait for those who write
        if connection.execute(due).first() is None:
            return ()
    with database.write() as connection:
        chosen = connection.execute(due).scalars().all()
        mine = (alert_deliveries.c.destination == destination, alert_deliveries.c.alert_id.in_(chosen))
        connection.execute(
            update(alert_deliveries)
            .where(*mine)
            .values(next_try_us=now_us() + _LEASE, attempts=alert_deliveries.c.attempts + 1)
        )
        return read_alerts(connection, alert_ids=chosen)


def _send_all(
    receiver: AlertReceiver, claimed: Sequence[Alert], encode: Callable[[Alert], bytes]
) -> dict[str, NotTaken | None]:
    """What became of each message; ends early where the receiver is silent, because each try costs a time-out."""
    outcomes: dict[str, NotTaken | None] = {}
    for alert in claimed:
        try:
            receiver.send(alert.alert_id, encode(alert))
        except NotTaken as error:
            outcomes[alert.alert_id] = error
            if error.silent:
                break
        else:
            outcomes[alert.alert_id] = None
    return outcomes


def _put_back(connection: Connection, destination: str, alert_ids: Sequence[str]) -> None:
    if alert_ids:
        connection.execute(
            update(alert_deliveries)
            .where(alert_deliveries.c.destination == destination, alert_deliveries.c.alert_id.in_(alert_ids))
            .values(attempts=alert_deliveries.c.attempts - 1, next_try_us=now_us() + pause_after(1))
        )


def _note(connection: Connection, destination: str, alert_id: str, problem: NotTaken | None) -> None:
    mine = (alert_deliveries.c.destination == destination, alert_deliveries.c.alert_id == alert_id)
    attempts = connection.execute(select(alert_deliveries.c.attempts).where(*mine)).scalar_one()
    connection.execute(update(alert_deliveries).where(*mine).values(**_outcome(problem, attempts)))


def _outcome(problem: NotTaken | None, attempts: int) -> dict[str, Any]:
    if problem is None:
        return {"state": DeliveryState.DELIVERED.value, "delivered_us": now_us(), "last_error": None}
    dead = problem.gone or attempts >= MOST_ATTEMPTS
    return {
        "state": DeliveryState.DEAD.value if dead else DeliveryState.PENDING.value,
        "next_try_us": now_us() + pause_after(attempts),
        "last_error": str(problem)[:_LONGEST_ERROR],
    }


def pause_after(attempts: int) -> int:
    """Microseconds until the next try: doubled each time up to six hours, a random half to the whole of it."""
    longest = min(_FIRST_PAUSE * 2 ** (attempts - 1), _LONGEST_PAUSE)
    return random.randint(longest // 2, longest)  # noqa: S311 - spreads load, keeps no secret


def _restart(connection: Connection, alert_id: str, destination: str) -> None:
    fresh = {"state": DeliveryState.PENDING.value, "attempts": 0, "next_try_us": now_us(), "last_error": None}
    mine = (alert_deliveries.c.alert_id == alert_id, alert_deliveries.c.destination == destination)
    if connection.execute(update(alert_deliveries).where(*mine).values(**fresh)).rowcount == 0:
        connection.execute(insert(alert_deliveries).values(alert_id=alert_id, destination=destination, **fresh))
