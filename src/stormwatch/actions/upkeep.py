"""Holds gateways that keep accounts of their own to what was decided: new keys, and what somebody switched on again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from stormwatch.actions.decisions import decision_in, ordered_state
from stormwatch.actions.ports import AccountSwitch, DeliveryFailed, Gateway, Order
from stormwatch.ledger.log import SYSTEM, Ledger
from stormwatch.model.case import DecisionState
from stormwatch.model.times import now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, decisions


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """How many answers of gateways were looked at, how many accounts were shut again, and what went wrong."""

    looked_at: int
    shut_again: int
    failures: tuple[str, ...] = ()


class Upkeep:
    """Goes through the suspended accounts, some at a time, round and round; each is probed and, if it passes, shut."""

    def __init__(self, database: Database, ledger: Ledger, gateways: Sequence[Gateway], *, at_once: int = 100) -> None:
        self._database = database
        self._ledger = ledger
        self._gateways = [gateway for gateway in gateways if isinstance(gateway, AccountSwitch)]
        self._at_once = at_once
        self._after = ""

    def look(self) -> UpkeepReport:
        """The next accounts. What a gateway cannot be asked now is asked in the next round."""
        looked_at = shut_again = 0
        failures: list[str] = []
        for account_id in self._next() if self._gateways else ():
            for gateway in self._gateways:
                looked_at += 1
                try:
                    shut_again += self._look_after(gateway, account_id)
                except DeliveryFailed as error:
                    failures.append(f"{gateway.name}: {error}")
        return UpkeepReport(looked_at, shut_again, tuple(failures))

    def _next(self) -> Sequence[str]:
        query = select(decisions.c.account_id).where(decisions.c.state == DecisionState.SUSPENDED.value).distinct()
        query = query.order_by(decisions.c.account_id).limit(self._at_once)
        with self._database.read() as connection:
            found = connection.execute(query.where(decisions.c.account_id > self._after)).scalars().all()
        self._after = found[-1] if len(found) == self._at_once else ""
        return found

    def _look_after(self, gateway: Gateway, account_id: str) -> bool:
        """Whether the account passed there and was shut again."""
        if gateway.probe(account_id) is DecisionState.SUSPENDED:
            return False
        with self._database.read() as connection:
            # Decided anew: what was true a moment ago must not shut out whom somebody has let in meanwhile.
            if ordered_state(connection, account_id) is not DecisionState.SUSPENDED:
                return False
            decision = decision_in(connection, account_id)
            row = connection.execute(
                select(decisions.c.action_id, actions.c.case_id)
                .join(actions, actions.c.action_id == decisions.c.action_id)
                .where(decisions.c.account_id == account_id, decisions.c.state == DecisionState.SUSPENDED.value)
            ).first()
        if row is None:
            return False
        key = f"{row.action_id}.upkeep.{now_us()}.{secrets.token_hex(4)}"
        gateway.apply(Order(0, row.action_id, account_id, decision.state, decision.reason_code, decision.until_us, key))
        if gateway.probe(account_id) is not DecisionState.SUSPENDED:
            raise DeliveryFailed(f"{account_id} still passes after it was shut again")
        with self._database.write() as connection:
            body = {"action": row.action_id, "account": account_id, "gateway": gateway.name, "key": key}
            self._ledger.append(connection, "action.shut-again", SYSTEM, row.case_id, body)
        return True
