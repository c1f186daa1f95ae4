"""A case to the other cases whose accounts show the same rare identifiers and artefacts, the most alike first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from stormwatch.cases.findings import rows_where
from stormwatch.cases.queue import get_case, read_cases
from stormwatch.console.lake_query import SIGHTING_TABLES, lake_query
from stormwatch.console.pivot_view import pivot_of_link
from stormwatch.console.shared_lists import lists_of, shared_lists
from stormwatch.linking.comparisons import load_comparisons
from stormwatch.model.case import Case
from stormwatch.runtime import Runtime
from stormwatch.storage.tables.cases import case_accounts, cases

_MOST_CASES: Final = 20
_MOST_VALUES: Final = 5_000
_AT_ONCE: Final = 5_000
Identifier = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SharedIdentifier:
    """One thing that accounts of both cases show; `accounts` is how many show it in all (0: only links say so)."""

    kind: str
    value: str
    accounts: int


@dataclass(frozen=True, slots=True)
class SimilarCase:
    """Another case and what it shares, the rarest first."""

    case: Case
    shared: tuple[SharedIdentifier, ...]

    @property
    def likeness(self) -> float:
        """How much is shared: a thing that n accounts show counts 1/n."""
        return sum(1.0 / max(each.accounts, 2) for each in self.shared)


def similar_cases(runtime: Runtime, case_id: str) -> tuple[SimilarCase, ...]:
    """At most 20 other cases, also settled ones; what lists of shared infrastructure know counts for nothing.

    An identifier that more accounts show than linking looks at is left out. NotFound when there is no such case.
    """
    case = get_case(runtime.database, case_id)
    holders = _holders(runtime, case.account_ids)
    strangers = {account for accounts in holders.values() for account in accounts} - set(case.account_ids)
    of_account = _cases_of(runtime, case_id, strangers)
    shared: dict[str, set[Identifier]] = {}
    for identifier, accounts in holders.items():
        for account in accounts & of_account.keys():
            for other in of_account[account]:
                shared.setdefault(other, set()).add(identifier)
    with runtime.database.read() as connection:
        found = read_cases(connection, select(cases).where(cases.c.case_id.in_(list(shared))))
    alike = [SimilarCase(other, _told(shared[other.case_id], holders)) for other in found]
    return tuple(sorted(alike, key=lambda each: (-each.likeness, each.case.case_id))[:_MOST_CASES])


def _holders(runtime: Runtime, account_ids: Sequence[str]) -> dict[Identifier, set[str]]:
    """What these accounts show that is rare, or that a hunt linked them by, and which accounts show it."""
    known = shared_lists(runtime.database)
    with lake_query(runtime, SIGHTING_TABLES) as query:
        mine = query.sighting_rows("similar_identifiers", accounts=list(account_ids))
        wanted = {(row["kind"], row["value"]) for row in mine if not lists_of(known, row["kind"], row["value"])}
        values = sorted({value for _, value in wanted})[:_MOST_VALUES]
        most = load_comparisons().widest_block
        rows = query.sighting_rows("similar_accounts", values=values, most=most) if values else []
    holders = {
        (row["kind"], row["value"]): set(row["accounts"]) for row in rows if (row["kind"], row["value"]) in wanted
    }
    for identifier, accounts in _linked(runtime, account_ids):
        holders.setdefault(identifier, set()).update(accounts)
    return holders


def _linked(runtime: Runtime, account_ids: Collection[str]) -> Iterator[tuple[Identifier, set[str]]]:
    for end in ("account_id_a", "account_id_b"):
        for row in rows_where(runtime.lake, "links", end, account_ids):
            for part in row["evidence"] or ():
                for value in part["shared_values"] or ():
                    kind, plain = pivot_of_link(part["identifier_kind"], value)
                    yield (kind or part["identifier_kind"], plain), {row["account_id_a"], row["account_id_b"]}


def _cases_of(runtime: Runtime, case_id: str, account_ids: Collection[str]) -> Mapping[str, set[str]]:
    """The other cases of accounts, without those that were merged into another."""
    wanted = sorted(account_ids)
    found: dict[str, set[str]] = {}
    query = (
        select(case_accounts.c.account_id, case_accounts.c.case_id)
        .join(cases, cases.c.case_id == case_accounts.c.case_id)
        .where(cases.c.merged_into.is_(None), cases.c.case_id != case_id)
    )
    with runtime.database.read() as connection:
        for start in range(0, len(wanted), _AT_ONCE):
            some = query.where(case_accounts.c.account_id.in_(wanted[start : start + _AT_ONCE]))
            for account_id, other in connection.execute(some):
                found.setdefault(account_id, set()).add(other)
    return found


def _told(identifiers: Collection[Identifier], holders: Mapping[Identifier, set[str]]) -> tuple[SharedIdentifier, ...]:
    told = (SharedIdentifier(kind, value, len(holders[kind, value])) for kind, value in identifiers)
    return tuple(sorted(told, key=lambda each: (each.accounts, each.kind, each.value)))
