"""Who else would be near a blow: other accounts at the same addresses or organisation, researchers above all."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from stormwatch.cases.findings import distinct_where, rows_where
from stormwatch.storage.lake import Lake

_ADDRESSES_SHOWN: Final = 5
_NEIGHBOURS_SHOWN: Final = 12


class SharedAddress(msgspec.Struct, frozen=True):
    """An address of the accounts in question, and how many other accounts used it."""

    address: str
    other_accounts: int


class Neighbour(msgspec.Struct, frozen=True):
    """Somebody else who sits behind the same addresses or belongs to the same organisation."""

    account_id: str
    addresses: tuple[str, ...] = ()
    same_org: bool = False
    verified_researcher: bool = False


class Collateral(msgspec.Struct, frozen=True):
    """How many other accounts share addresses or organisation with those in question, and which are researchers'."""

    accounts: int
    same_address: int
    same_org: int
    verified_researchers: tuple[str, ...] = ()
    researchers_nearby: int = 0
    busiest_addresses: tuple[SharedAddress, ...] = ()
    by_links_alone: int = 0
    nearest: tuple[Neighbour, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must not be overlooked, the gravest first."""
        found = []
        if self.verified_researchers:
            found.append(
                f"VERIFIED RESEARCHER among the accounts to be acted on: {', '.join(self.verified_researchers)}"
            )
        if self.by_links_alone:
            found.append(
                f"{self.by_links_alone:,} of the {_accounts(self.accounts)} to be acted on have no evidence of their "
                "own: links alone put them here"
            )
        if self.researchers_nearby:
            found.append(f"Verified researchers near them: {_accounts(self.researchers_nearby)}")
        if self.same_org:
            found.append(f"Others of the same organisation: {_accounts(self.same_org)}")
        if self.same_address:
            found.append(f"Others at the same addresses: {_accounts(self.same_address)}")
        return tuple(found)


def collateral(lake: Lake, account_ids: Collection[str], *, by_links_alone: int = 0) -> Collateral:
    """Counts over all stored history; addresses as the events carry them, organisations also from account records.

    `by_links_alone` is how many of the accounts have no evidence of their own, which only who holds it can tell.
    """
    targets = set(account_ids)
    used = distinct_where(lake, "events", "account_id", targets, ("source_ip", "org_id"))
    addresses = {address for address, _ in used if address}
    records = rows_where(lake, "account_records", "account_id", targets)
    orgs = {org for _, org in used if org} | {row["org_id"] for row in records if row["org_id"]}

    at_address = distinct_where(lake, "events", "source_ip", addresses, ("source_ip", "account_id"))
    neighbours = {(address, account) for address, account in at_address if account not in targets}
    in_org = distinct_where(lake, "events", "org_id", orgs, ("account_id",)) | distinct_where(
        lake, "account_records", "org_id", orgs, ("account_id",)
    )
    colleagues = {account for (account,) in in_org} - targets
    near = colleagues | {account for _, account in neighbours}
    researchers = _researchers(lake, near)
    return Collateral(
        accounts=len(targets),
        same_address=len({account for _, account in neighbours}),
        same_org=len(colleagues),
        verified_researchers=tuple(sorted(row["account_id"] for row in records if row["verified_researcher"])),
        researchers_nearby=len(researchers),
        busiest_addresses=_busiest(neighbours),
        by_links_alone=by_links_alone,
        nearest=_nearest(neighbours, colleagues, researchers),
    )


def _accounts(number: int) -> str:
    return f"{number:,} account{'' if number == 1 else 's'}"


def _researchers(lake: Lake, account_ids: Collection[str]) -> frozenset[str]:
    flagged = distinct_where(lake, "account_records", "account_id", account_ids, ("account_id", "verified_researcher"))
    return frozenset(account for account, verified in flagged if verified)


def _nearest(
    neighbours: Collection[tuple[str, str]], colleagues: Collection[str], researchers: Collection[str]
) -> tuple[Neighbour, ...]:
    """Those to look at by name: researchers first, then those who share most."""
    shared: dict[str, list[str]] = {account: [] for account in colleagues}
    for address, account in sorted(neighbours):
        shared.setdefault(account, []).append(address)
    ranked = sorted(shared, key=lambda account: (account not in researchers, -len(shared[account]), account))
    return tuple(
        Neighbour(account, tuple(shared[account][:_ADDRESSES_SHOWN]), account in colleagues, account in researchers)
        for account in ranked[:_NEIGHBOURS_SHOWN]
    )


def _busiest(neighbours: Collection[tuple[str, str]]) -> tuple[SharedAddress, ...]:
    counts: dict[str, int] = {}
    for address, _ in neighbours:
        counts[address] = counts.get(address, 0) + 1
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(SharedAddress(address, count) for address, count in ranked[:_ADDRESSES_SHOWN])
