"""What the clusters pursue has said who belongs to them: their accounts and links in the lake are brought in line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import pyarrow as pa

from stormwatch.linking.cluster_ids import Cluster
from stormwatch.model.evidence import Belonging
from stormwatch.storage.lake import Lake, LakeChange
from stormwatch.storage.schemas import CLUSTERS, LINKS


def read_membership(lake: Lake) -> Mapping[str, float]:
    """By account of a living cluster, how firmly the last hunt held it to belong there (0 to 1)."""
    found: dict[str, float] = {}
    for row in lake.read("clusters", ("account_ids", "membership", "merged_into")).to_pylist():
        if row["merged_into"] is None and row["membership"] is not None:
            found.update(zip(row["account_ids"], row["membership"], strict=True))
    return found


def record_belonging(
    lake: Lake,
    clusters: Sequence[Cluster],
    belonging: Sequence[Belonging],
    lifetimes: Mapping[str, tuple[int, int]],
) -> Sequence[Cluster]:
    """The clusters with those who joined; `clusters` and `links` of the lake say the same afterwards."""
    if not belonging:
        return clusters
    firmly = {one.account_id: one.probability for one in belonging}
    joined: dict[str, list[str]] = {}
    for one in belonging:
        if one.link is not None:
            joined.setdefault(one.cluster_id, []).append(one.account_id)
    rows = [
        _row(row, joined.get(row["cluster_id"], ()), firmly, lifetimes) for row in lake.read("clusters").to_pylist()
    ]
    lake.commit(
        LakeChange(
            replace={
                "clusters": (lake.write("clusters", pa.Table.from_pylist(rows, schema=CLUSTERS)),),
                "links": (lake.write("links", _links(lake, belonging)),),
            }
        )
    )
    return [
        replace(one, account_ids=(*one.account_ids, *sorted(joined[one.cluster_id])))
        if one.cluster_id in joined
        else one
        for one in clusters
    ]


def _row(
    row: dict[str, object],
    joined: Sequence[str],
    firmly: Mapping[str, float],
    lifetimes: Mapping[str, tuple[int, int]],
) -> dict[str, object]:
    accounts, membership = row["account_ids"], row["membership"]
    if row["merged_into"] is not None or not isinstance(accounts, list) or not isinstance(membership, list):
        return row
    everyone = [*accounts, *sorted(joined)]
    before = dict(zip(accounts, membership, strict=True))
    lives = [lifetimes[account] for account in everyone if account in lifetimes]
    return {
        **row,
        "account_ids": everyone,
        "membership": [firmly.get(account, before.get(account, 0.0)) for account in everyone],
        "first_event_us": min((first for first, _ in lives), default=None),
        "last_event_us": max((last for _, last in lives), default=None),
    }


def _links(lake: Lake, belonging: Sequence[Belonging]) -> pa.Table:
    """The links so far, and those that say why an account joined; these take the place of a weaker one of the pair."""
    added = {(one.link.account_id_a, one.link.account_id_b): one.link for one in belonging if one.link is not None}
    rows = [row for row in lake.read("links").to_pylist() if (row["account_id_a"], row["account_id_b"]) not in added]
    rows += [asdict(link) for link in added.values()]
    rows.sort(key=lambda row: (row["account_id_a"], row["account_id_b"]))
    return pa.Table.from_pylist(rows, schema=LINKS)
