"""Stage 5: from events, records and observables to `links` and `clusters`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict

import pyarrow as pa

from stormwatch.linking.cluster_ids import Cluster, inherit_ids
from stormwatch.linking.cohesion import cohesive_groups
from stormwatch.linking.comparisons import Comparisons
from stormwatch.linking.membership import membership
from stormwatch.linking.scoring import SharedValue, score_pairs
from stormwatch.linking.shared_code import lay_shared_code
from stormwatch.model.evidence import Link
from stormwatch.storage.engine import QueryEngine, sql_file
from stormwatch.storage.lake import Lake, LakeChange
from stormwatch.storage.schemas import CLUSTERS, LINKS

_PACKAGE = "stormwatch.linking"


def link_accounts(
    engine: QueryEngine,
    lake: Lake,
    comparisons: Comparisons,
    *,
    population: int,
    lifetimes: Mapping[str, tuple[int, int]],
    listed: Callable[[str, str], Sequence[str]],
    victims: frozenset[str],
) -> Sequence[Cluster]:
    """Writes `links` and `clusters` from the views `events`, `observables`, `fingerprints` and `account_records`.

    `lifetimes` gives first and last event time of accounts; `listed(identifier kind, value)` names the lists of shared
    infrastructure that hold a value. `victims` are accounts that somebody else got into: what an intruder left on them
    says nothing of their holders, so they are linked to nobody.
    """
    engine.register("victims", pa.table({"account_id": pa.array(sorted(victims), pa.string())}))
    engine.register("reach", _reach(comparisons))
    lay_shared_code(engine, most_accounts=comparisons.comparisons["code-program"].blocks_up_to)
    for name in ("identifiers", "organisations", "shared_values", "candidates"):
        engine.create(name, sql_file(_PACKAGE, name))
    links = list(score_pairs(_pairs(engine), comparisons, population=population, listed=listed))
    groups = cohesive_groups(links, comparisons)
    firsts = {account: first for account, (first, _) in lifetimes.items()}
    clusters = inherit_ids(groups, read_clusters(lake), firsts)
    lake.commit(
        LakeChange(
            replace={
                "links": (lake.write("links", links_table(links)),),
                "clusters": (lake.write("clusters", clusters_table(clusters, lifetimes, links)),),
            }
        )
    )
    return clusters


def _reach(comparisons: Comparisons) -> pa.Table:
    """How many accounts may share a value of each kind: for candidates, and for what corroborates them."""
    kinds = comparisons.comparisons
    return pa.table(
        {
            "kind": list(kinds),
            "blocks_up_to": [kind.blocks_up_to for kind in kinds.values()],
            "corroborates_up_to": [kind.corroborates_up_to for kind in kinds.values()],
        }
    )


def _pairs(engine: QueryEngine) -> Iterator[SharedValue]:
    for batch in engine.batches(sql_file(_PACKAGE, "candidate_pairs")):
        for row in batch.to_pylist():
            yield SharedValue(**row)


def links_table(links: Sequence[Link]) -> pa.Table:
    """Links as rows of the lake."""
    return pa.Table.from_pylist([asdict(link) for link in links], schema=LINKS)


def clusters_table(
    clusters: Sequence[Cluster], lifetimes: Mapping[str, tuple[int, int]], links: Sequence[Link]
) -> pa.Table:
    """Clusters as rows of the lake, with how firmly each account belongs, and the times of first and last event."""
    belongs = membership(clusters, links)
    rows = []
    for cluster in clusters:
        lives = [lifetimes[account] for account in cluster.account_ids if account in lifetimes]
        times = {
            "first_event_us": min((first for first, _ in lives), default=None),
            "last_event_us": max((last for _, last in lives), default=None),
        }
        firmly = [belongs.get(account, 0.0) for account in cluster.account_ids] if cluster.merged_into is None else None
        rows.append(asdict(cluster) | times | {"membership": firmly})
    return pa.Table.from_pylist(rows, schema=CLUSTERS)


def read_clusters(lake: Lake) -> Sequence[Cluster]:
    """The clusters of the last hunt, former ones included."""
    columns = ("cluster_id", "account_ids", "previous_ids", "merged_into")
    return [
        Cluster(row["cluster_id"], tuple(row["account_ids"]), tuple(row["previous_ids"]), row["merged_into"])
        for row in lake.read("clusters", columns).to_pylist()
    ]
