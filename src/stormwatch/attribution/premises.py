"""Recognises clusters that share premises: most of what their accounts send comes from one address, for all to see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from stormwatch.attribution.cluster_evidence import Subject
from stormwatch.storage.engine import QueryEngine, sql_file

# Of what an account sends, on average over the accounts of a home or an office, so much comes from its one address and
# so many of the accounts use it; where three or more all do, that itself is rare among those who hide, so less will do.
# Most of those who use it are of the cluster, else it is an exit. docs/attribution.md has the measurement.
_SHARE_OF_USE: Final = 2 / 3
_SHARE_OF_ACCOUNTS: Final = 0.8
_SMALLEST_WHOLE: Final = 3
_SHARE_OF_USE_BY_ALL: Final = 0.4
_SHARE_OF_USERS: Final = 0.5


@dataclass(frozen=True, slots=True)
class AddressUse:
    """What one account sent from one address, as a share of all it sent, and how many accounts use the address."""

    account_id: str
    address: str
    share: float
    users: int


def recognise_premises(engine: QueryEngine, clusters: Sequence[Subject]) -> Mapping[str, str]:
    """The address of each cluster that is openly at one place, by cluster id; reads the views `events` and
    `account_records`.
    """
    members = sorted({account for cluster in clusters for account in cluster.account_ids})
    engine.register("clustered", pa.table({"account_id": pa.array(members, pa.string())}))
    uses = _uses(engine)
    found = {cluster.subject_id: common_address(cluster.account_ids, uses) for cluster in clusters}
    return {cluster_id: address for cluster_id, address in found.items() if address is not None}


def common_address(account_ids: Sequence[str], uses: Mapping[str, Sequence[AddressUse]]) -> str | None:
    """The address from which these accounts mostly work, else None; `uses` is by account."""
    at: dict[str, list[AddressUse]] = defaultdict(list)
    for account in account_ids:
        for use in uses.get(account, ()):
            at[use.address].append(use)
    open_ones = [address for address, there in at.items() if _is_premises(there, len(account_ids))]
    return max(open_ones, key=lambda address: (sum(use.share for use in at[address]), address), default=None)


def _is_premises(there: Sequence[AddressUse], accounts: int) -> bool:
    if len(there) < _SHARE_OF_USERS * there[0].users:
        return False
    share = sum(use.share for use in there) / accounts
    if len(there) == accounts >= _SMALLEST_WHOLE:
        return share >= _SHARE_OF_USE_BY_ALL
    return len(there) >= _SHARE_OF_ACCOUNTS * accounts and share >= _SHARE_OF_USE


def _uses(engine: QueryEngine) -> Mapping[str, Sequence[AddressUse]]:
    rows = engine.query(sql_file("stormwatch.attribution", "address_use")).to_pylist()
    sent: dict[str, int] = defaultdict(int)
    for row in rows:
        sent[row["account_id"]] += row["requests"]
    found: dict[str, list[AddressUse]] = defaultdict(list)
    for row in rows:
        account = row["account_id"]
        found[account].append(
            AddressUse(account, row["source_ip"], row["requests"] / max(sent[account], 1), row["accounts"])
        )
    return found
