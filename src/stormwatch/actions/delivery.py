"""Carries the outbox to the gateways, one process at a time: told, acknowledged, probed, verified, or tried again."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import Connection, select, update

from stormwatch.actions.decisions import ordered_state
from stormwatch.actions.outbox import APPLY, next_due, waiting_orders
from stormwatch.actions.ports import DeliveryFailed, Gateway, KeyRotation, Order, asked_of
from stormwatch.actions.receipts import begin_call, date_action, note_answer, note_step
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.case import ActionKind
from stormwatch.model.progress import ProgressReport
from stormwatch.model.times import HOUR, SECOND, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.sole import sole
from stormwatch.storage.tables.actions import actions, outbox

_log = structlog.get_logger(__name__)

MOST_ATTEMPTS: Final = 12
_FIRST_PAUSE: Final = 5 * SECOND
_MOST_DOUBLINGS: Final = 12
_JITTER: Final = 0.5  # up to half as long again, so that orders that failed together do not come back together
_AWAY_AFTER: Final = 3  # failures in a row after which a gateway is left alone for the rest of a run
_WAIT_SECONDS: Final = 10.0
_PLACE: Final = "deliveries"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """How many orders every gateway has verified, and the failures of the others (they are tried again later).

    `given_up` of them were tried often enough and wait for a person; `left` were not tried, because a gateway was away
    or the time was over; `busy` says that another process was delivering, which will see to all of them.
    """

    verified: int
    failures: tuple[str, ...] = ()
    given_up: int = 0
    left: int = 0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try. `all_waiting` also takes orders whose pause after a failure is not over.

    `most_attempts` is after how many an order is given up, `seconds` how long a run may take, `wait_seconds` how long
    it waits for another process that delivers.
    """

    all_waiting: bool = False
    most_attempts: int = MOST_ATTEMPTS
    seconds: float | None = None
    wait_seconds: float = _WAIT_SECONDS


def deliver(
    database: Database,
    ledger: Ledger,
    gateways: Sequence[Gateway],
    *,
    all_waiting: bool = False,
    effort: Effort | None = None,
    progress: ProgressReport | None = None,
) -> DeliveryReport:
    """Tells the gateways what is due and probes each; safe to call at any time and from several processes.

    Without gateways nothing is done.
    """
    trying = effort or Effort(all_waiting=all_waiting)
    if not gateways or next_due(database, 0, all_waiting=trying.all_waiting) is None:
        return DeliveryReport(0)
    with sole(database, _PLACE, wait_seconds=trying.wait_seconds) as alone:
        if not alone:
            return DeliveryReport(0, busy=True)
        return _Run(database, ledger, gateways, trying).carry_all(progress)


@dataclass
class _Run:
    """One pass over the outbox, each order at most once."""

    database: Database
    ledger: Ledger
    gateways: Sequence[Gateway]
    effort: Effort
    failures_in_a_row: Counter[str] = field(default_factory=Counter)

    def carry_all(self, progress: ProgressReport | None) -> DeliveryReport:
        """Carries order after order, also those that come while it runs, until none is due or the time is over."""
        over = None if self.effort.seconds is None else time.monotonic() + self.effort.seconds
        verified = given_up = left = carried = order_id = 0
        failures: list[str] = []
        total = waiting_orders(self.database)
        while (due := next_due(self.database, order_id, all_waiting=self.effort.all_waiting)) is not None:
            order_id = due
            if over is not None and time.monotonic() > over:
                left += 1
                break
            problems, skipped = self._carry_to_all(order_id)
            failures += problems
            if problems or not skipped:
                given_up += self._finish(order_id, problems)
            verified += not problems and not skipped
            left += skipped and not problems
            carried += 1
            if progress is not None:
                progress("telling the gateways", carried, max(total, carried))
        return DeliveryReport(verified, tuple(failures), given_up, left)

    def _carry_to_all(self, order_id: int) -> tuple[list[str], bool]:
        """Problems with an order, and whether a gateway that is away was left alone."""
        problems, skipped = [], False
        for gateway in self._concerned(order_id):
            if self.failures_in_a_row[gateway.name] >= _AWAY_AFTER:
                skipped = True
            elif problem := self._carry(gateway, order_id):
                problems.append(problem)
        return problems, skipped

    def _concerned(self, order_id: int) -> list[Gateway]:
        with self.database.read() as connection:
            rotates = _rotates(connection, order_id)
        return [gateway for gateway in self.gateways if not rotates or isinstance(gateway, KeyRotation)]

    def _carry(self, gateway: Gateway, order_id: int) -> str | None:
        """Tells and probes one gateway, never inside a transaction; what went wrong, or None."""
        with self.database.write() as connection:
            call = begin_call(connection, order_id, gateway.name)
        if call is None:
            return None
        order = call.order
        try:
            if not call.acknowledged:
                _tell(gateway, order)
                with self.database.write() as connection:
                    note_step(connection, self.ledger, gateway.name, order, "acknowledged")
            wrong = _wrong_answer(gateway, order)
        except DeliveryFailed as error:
            self.failures_in_a_row[gateway.name] += 1
            return f"{gateway.name}: {error}"
        except Exception as error:  # noqa: BLE001 - one order that an adapter cannot carry must not hold up the others
            _log.exception("gateway_adapter_failed", gateway=gateway.name)
            return f"{gateway.name}: {type(error).__name__}"
        self.failures_in_a_row[gateway.name] = 0
        return self._verify(gateway.name, order, wrong)

    def _verify(self, gateway: str, order: Order, wrong: str | None) -> str | None:
        with self.database.write() as connection:
            if ordered_state(connection, order.account_id) is not order.state:
                return f"{gateway}: another decision on {order.account_id} came in between"
            if wrong is not None:
                note_answer(connection, gateway, order, wrong)
                wanted = "new keys alone" if order.rotates_keys else order.state.value
                return f"{gateway} answers {wrong} for {order.account_id} instead of {wanted}"
            note_step(connection, self.ledger, gateway, order, "verified")
        return None

    def _finish(self, order_id: int, problems: Sequence[str]) -> bool:
        """Closes an order that every gateway verified, puts off the next try, or gives it up (then True)."""
        concerned = len(self._concerned(order_id))
        with self.database.write() as connection:
            row = connection.execute(
                select(outbox, actions.c.case_id)
                .join(actions, actions.c.action_id == outbox.c.action_id)
                .where(outbox.c.order_id == order_id)
            ).one()
            if row.purpose == APPLY:
                date_action(connection, order_id, row.action_id, concerned)
            attempts = row.attempts + 1
            error = "; ".join(problems) if concerned else "no gateway of this installation can rotate keys"
            gives_up = row.finished_us is None and (not concerned or attempts >= self.effort.most_attempts)
            values: dict[str, object] = {"attempts": attempts, "last_error": error, "next_try_us": _next_try(attempts)}
            if not error:
                values = {"attempts": attempts, "finished_us": now_us(), "last_error": None}
            elif gives_up:
                values["dead_us"] = now_us()
                body = {"action": row.action_id, "account": row.account_id, "purpose": row.purpose}
                self.ledger.append(connection, "order.given-up", SYSTEM, row.case_id, {**body, "attempts": attempts})
            connection.execute(
                update(outbox).where(outbox.c.order_id == order_id, outbox.c.finished_us.is_(None)).values(values)
            )
        return bool(error) and gives_up


def _tell(gateway: Gateway, order: Order) -> None:
    if order.rotates_keys and isinstance(gateway, KeyRotation):
        gateway.rotate_keys(order)
    else:
        gateway.apply(order)


def _wrong_answer(gateway: Gateway, order: Order) -> str | None:
    """What a gateway answers instead of what was asked for; None when it is just that."""
    if order.rotates_keys and isinstance(gateway, KeyRotation):
        return None if gateway.keys_rotated(order) else "old keys"
    answer = gateway.probe(order.account_id)
    return None if answer is asked_of(gateway, order.state) else answer.value


def _rotates(connection: Connection, order_id: int) -> bool:
    query = (
        select(actions.c.kind)
        .join(outbox, outbox.c.action_id == actions.c.action_id)
        .where(outbox.c.order_id == order_id, outbox.c.purpose == APPLY)
    )
    return connection.execute(query).scalar_one_or_none() == ActionKind.ROTATE_KEY


def _next_try(attempts: int) -> int:
    pause = min(_FIRST_PAUSE * 2 ** min(attempts - 1, _MOST_DOUBLINGS), HOUR)
    return now_us() + int(pause * (1 + random.random() * _JITTER))  # noqa: S311 - no secret hangs on it
