"""What a gateway was made to shut for an account, and what was shut there before: only ours is opened again."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, delete, insert, select, update

from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import gateway_holds


class Holds:
    """The holds of one gateway. What is about to be shut is entered first: a lost answer must not lose it."""

    def __init__(self, database: Database, gateway: str) -> None:
        self._database = database
        self._gateway = gateway

    def of(self, account_id: str) -> Mapping[str, bool]:
        """What is held of an account: the gateway's own name for it, and whether it was open before."""
        query = select(gateway_holds.c.held, gateway_holds.c.ours).where(*self._mine(account_id))
        with self._database.read() as connection:
            return {row.held: bool(row.ours) for row in connection.execute(query)}

    def enter(self, account_id: str, found: Mapping[str, bool]) -> None:
        """Enters what is shut now, with whether it was open: now, or when it was entered before."""
        with self._database.write() as connection:
            query = select(gateway_holds.c.held, gateway_holds.c.ours).where(*self._mine(account_id))
            known = {row.held: bool(row.ours) for row in connection.execute(query)}
            for held, ours in found.items():
                if held not in known:
                    values = {"gateway": self._gateway, "account_id": account_id, "held": held, "ours": ours}
                    connection.execute(insert(gateway_holds).values(values))
                elif ours and not known[held]:
                    mine = (*self._mine(account_id), gateway_holds.c.held == held)
                    connection.execute(update(gateway_holds).where(*mine).values(ours=True))

    def clear(self, account_id: str) -> None:
        """Forgets an account that is let in again."""
        with self._database.write() as connection:
            connection.execute(delete(gateway_holds).where(*self._mine(account_id)))

    def _mine(self, account_id: str) -> tuple[ColumnElement[bool], ...]:
        return gateway_holds.c.gateway == self._gateway, gateway_holds.c.account_id == account_id
