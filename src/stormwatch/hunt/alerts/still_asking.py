"""Requests of accounts that are suspended, to sightings: kept out, an evasion signal; answered, a gateway at fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import func, select

from stormwatch.actions.decisions import KEEPS_OUT
from stormwatch.hunt.alerts.policy import AlertPolicy
from stormwatch.hunt.alerts.sightings import Sighting, window_id_of
from stormwatch.model.alert import AlertKind
from stormwatch.model.times import MINUTE, now_us
from stormwatch.storage.database import Database
from stormwatch.storage.tables.actions import actions, decisions

COLUMNS: Final = ("event_id", "account_id", "time_us", "blocked")
# Copies of the decision list and requests under way need a moment; what is answered before it is over is no fault.
_TAKES_EFFECT: Final = MINUTE


def suspended_since(database: Database) -> Mapping[str, int]:
    """Accounts under a suspension in effect, with the moment since when it is in force, in microseconds."""
    query = (
        select(decisions.c.account_id, func.min(actions.c.effective_us), func.max(decisions.c.until_us))
        .join(actions, actions.c.action_id == decisions.c.action_id)
        .where(actions.c.kind.in_(sorted(KEEPS_OUT)), actions.c.reversed_us.is_(None))
        .where(decisions.c.until_us.is_(None) | (decisions.c.until_us > now_us()))
        .group_by(decisions.c.account_id)
    )
    with database.read() as connection:
        return {account_id: approved for account_id, approved, _ in connection.execute(query)}


def still_asking(events: pa.Table, suspended: Mapping[str, int], policy: AlertPolicy) -> list[Sighting]:
    """Sightings in events (COLUMNS of the lake) of accounts that were suspended before they asked."""
    if not suspended or not events.num_rows:
        return []
    accounts = pa.array(sorted(suspended), pa.string())
    theirs = events.filter(pc.is_in(events["account_id"], value_set=accounts)).select(list(COLUMNS))
    rows = sorted(theirs.to_pylist(), key=lambda row: (row["time_us"], row["event_id"]))
    return list(_sightings(rows, suspended, policy))


def _sightings(
    rows: Sequence[Mapping[str, Any]], suspended: Mapping[str, int], policy: AlertPolicy
) -> Iterator[Sighting]:
    groups: dict[tuple[str, bool, int], list[Mapping[str, Any]]] = {}
    for row in rows:
        blocked = bool(row["blocked"])
        if row["time_us"] >= suspended[row["account_id"]] + (0 if blocked else _TAKES_EFFECT):
            groups.setdefault((row["account_id"], blocked, row["time_us"] // policy.window_us), []).append(row)
    explained = policy.innocent_explanations
    for (account_id, blocked, window), found in groups.items():
        level = policy.suspended_accounts.blocked if blocked else policy.suspended_accounts.answered
        if level is None:
            continue
        cause = "suspended:blocked" if blocked else "suspended:answered"
        # Suspended anew after a reinstatement, an account is news again.
        version = str(suspended[account_id])
        yield Sighting(
            window_id=window_id_of(cause, version, account_id, str(window)),
            kind=AlertKind.STILL_ASKING,
            level=level,
            title="a suspended account still asks and is kept out"
            if blocked
            else "a suspended account still asks and is not kept out",
            innocent_explanation=explained.blocked if blocked else explained.answered,
            cause_id=cause,
            cause_version=version,
            first_us=found[0]["time_us"],
            last_us=found[-1]["time_us"],
            seen=len(found),
            account_id=account_id,
            event_id=found[0]["event_id"],
        )
