"""Which case an account is in."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import case_accounts, cases


def case_of_accounts(database: Database) -> Mapping[str, str]:
    """The case id of every account that is in a case; the latest opened where it is in several."""
    query = (
        select(case_accounts.c.account_id, case_accounts.c.case_id)
        .join(cases, cases.c.case_id == case_accounts.c.case_id)
        .where(cases.c.merged_into.is_(None))
        .order_by(cases.c.opened_us)
    )
    with database.read() as connection:
        return {row.account_id: row.case_id for row in connection.execute(query)}
