"""Whether somebody has a second factor, and whether its last code is too old for a weighty deed."""

from __future__ import annotations

from sqlalchemy import Connection, select

from stormwatch.storage.tables.credentials import second_factors


def has_factor(connection: Connection, person_id: str) -> bool:
    """Whether somebody has a second factor whose first code was right."""
    confirmed = (second_factors.c.person_id == person_id) & second_factors.c.confirmed_us.is_not(None)
    return connection.execute(select(second_factors.c.person_id).where(confirmed)).first() is not None


def owes_factor(connection: Connection, person_id: str, proved_us: int | None, step_up_us: int, now: int) -> bool:
    """Whether a code has to be given anew; never where `step_up_us` is 0 or there is no second factor."""
    if step_up_us == 0 or (proved_us is not None and now - proved_us <= step_up_us):
        return False
    return has_factor(connection, person_id)
