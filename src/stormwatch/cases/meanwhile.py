"""Matches of a moment ago into those that still hold: people, and other hunts, went on with the cases meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, select

from stormwatch.cases.matching import Match
from stormwatch.cases.queue import read_cases
from stormwatch.model.case import Case
from stormwatch.storage.tables.cases import case_accounts, cases

_NAMED_AT_ONCE: Final = 500  # accounts to a statement


def as_they_are(
    connection: Connection, matches: Sequence[Match], held: Sequence[Case], known: Collection[str]
) -> list[Match]:
    """The matches with their cases as the database has them now, inside the caller's write transaction.

    `held` are all cases of the matches, `known` the ids of all cases there were when they were matched. Left out, for
    the next hunt to see, is what no longer holds: the case was merged or split by people, or accounts without a case
    have one that was opened since.
    """
    asked = select(cases).where(cases.c.merged_into.is_(None), cases.c.case_id.in_([case.case_id for case in held]))
    now = {case.case_id: case for case in read_cases(connection, asked)} if held else {}
    same = {case.case_id for case in held if case.case_id in now and now[case.case_id].curated == case.curated}
    taken = _taken_since(connection, [a for m in matches if m.case is None for a in m.subject.account_ids], known)
    found = []
    for match in matches:
        absorbed = tuple(now[case.case_id] for case in match.absorbed if case.case_id in same)
        if match.case is None and taken.isdisjoint(match.subject.account_ids):
            found.append(match)
        elif match.case is not None and match.case.case_id in same:
            found.append(replace(match, case=now[match.case.case_id], absorbed=absorbed))
    return found


def _taken_since(connection: Connection, account_ids: Sequence[str], known: Collection[str]) -> set[str]:
    """The accounts that a case holds which is not among the known."""
    holding = case_accounts.join(cases, cases.c.case_id == case_accounts.c.case_id)
    asked = select(case_accounts.c.case_id, case_accounts.c.account_id).select_from(holding)
    taken: set[str] = set()
    for start in range(0, len(account_ids), _NAMED_AT_ONCE):
        some = case_accounts.c.account_id.in_(account_ids[start : start + _NAMED_AT_ONCE])
        rows = connection.execute(asked.where(cases.c.merged_into.is_(None), some))
        taken.update(row.account_id for row in rows if row.case_id not in known)
    return taken
