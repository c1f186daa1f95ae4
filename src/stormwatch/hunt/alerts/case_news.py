"""Cases that a hunt opened or reopened, and accounts that reached them later, to sightings."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from stormwatch.cases.versions import HUNT
from stormwatch.hunt.alerts.policy import AlertPolicy
from stormwatch.hunt.alerts.sightings import Sighting, window_id_of
from stormwatch.model.alert import AlertKind
from stormwatch.model.case import CaseState
from stormwatch.storage.database import Database
from stormwatch.storage.tables.cases import case_accounts, case_history, cases


def case_news(database: Database, policy: AlertPolicy) -> list[Sighting]:
    """One sighting for each time that a hunt opened a case, and for each account that joined one afterwards."""
    with database.read() as connection:
        return [*_openings(connection, policy), *_joined(connection, policy)]


def _openings(connection: Connection, policy: AlertPolicy) -> Iterator[Sighting]:
    level = policy.cases.opened
    if level is None:
        return
    sizes = select(case_accounts.c.case_id, func.count().label("accounts")).group_by(case_accounts.c.case_id).subquery()
    query = (
        select(case_history, sizes.c.accounts)
        .join(sizes, sizes.c.case_id == case_history.c.case_id)
        .where(case_history.c.to_state == CaseState.OPEN.value, case_history.c.by == HUNT)
    )
    for row in connection.execute(query):
        verb = "was opened" if row.from_state is None else "was reopened"
        yield Sighting(
            window_id=window_id_of(AlertKind.CASE_OPENED, row.case_id, str(row.entry_id)),
            kind=AlertKind.CASE_OPENED,
            level=level,
            title=f"a case over {row.accounts} account{'s' if row.accounts != 1 else ''} {verb}",
            innocent_explanation=policy.innocent_explanations.case_opened,
            cause_id=f"case:{row.case_id}",
            cause_version=str(row.entry_id),
            first_us=row.time_us,
            last_us=row.time_us,
            case_id=row.case_id,
        )


def _joined(connection: Connection, policy: AlertPolicy) -> Iterator[Sighting]:
    level = policy.cases.joined
    if level is None:
        return
    query = (
        select(case_accounts)
        .join(cases, cases.c.case_id == case_accounts.c.case_id)
        .where(case_accounts.c.joined_us > cases.c.opened_us)
    )
    for row in connection.execute(query):
        yield Sighting(
            window_id=window_id_of(AlertKind.ACCOUNT_JOINED, row.case_id, row.account_id),
            kind=AlertKind.ACCOUNT_JOINED,
            level=level,
            title="an account joined a case that was open already",
            innocent_explanation=policy.innocent_explanations.account_joined,
            cause_id=f"case:{row.case_id}",
            cause_version="joined",
            first_us=row.joined_us,
            last_us=row.joined_us,
            account_id=row.account_id,
            case_id=row.case_id,
        )
