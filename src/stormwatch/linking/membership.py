"""From links inside clusters to how firmly each account belongs to its cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stormwatch.linking.cluster_ids import Cluster
from stormwatch.model.evidence import Link


def membership(clusters: Sequence[Cluster], links: Sequence[Link]) -> Mapping[str, float]:
    """By account of a living cluster, the probability of its strongest link to another account of it (0 to 1).

    The strongest alone, since links of one account to several of a cluster mostly rest on the same shared value.
    """
    living = [cluster for cluster in clusters if cluster.merged_into is None]
    cluster_of = {account: cluster.cluster_id for cluster in living for account in cluster.account_ids}
    found: dict[str, float] = {}
    for link in links:
        one, other = link.account_id_a, link.account_id_b
        if one in cluster_of and cluster_of[one] == cluster_of.get(other):
            for account in (one, other):
                found[account] = max(link.probability, found.get(account, 0.0))
    return found
