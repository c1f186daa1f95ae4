"""From links to the accounts of each cluster that work on one program and are linked by something else besides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stormwatch.attribution.cluster_evidence import Subject
from stormwatch.storage.lake import Lake

_COLUMNS = ("account_id_a", "account_id_b", "match_weight", "evidence")


def accounts_with_shared_code(lake: Lake, clusters: Sequence[Subject], population: int) -> Mapping[str, Sequence[str]]:
    """By cluster id, the accounts that have passages of code in common with another account of the cluster.

    A pair counts only where the rest of what it shares makes it a link of even odds (prior odds of 1 / population):
    code that joins two accounts is not counted a second time against them.
    """
    needed = math.log2(max(population, 2))
    cluster_of = {account: cluster.subject_id for cluster in clusters for account in cluster.account_ids}
    found: dict[str, set[str]] = {}
    links: pa.Table = lake.read("links", _COLUMNS)
    for batch in links.to_batches(max_chunksize=16_384):
        for row in batch.to_pylist():
            cluster = cluster_of.get(row["account_id_a"])
            if cluster is None or cluster != cluster_of.get(row["account_id_b"]):
                continue
            if 0 < _code_bits(row) <= row["match_weight"] - needed:
                found.setdefault(cluster, set()).update((row["account_id_a"], row["account_id_b"]))
    return {cluster: sorted(accounts) for cluster, accounts in found.items()}


def _code_bits(link: Mapping[str, Any]) -> float:
    parts = (part["weight_bits"] for part in link["evidence"] if part["identifier_kind"].startswith("code-"))
    return float(sum(parts))
